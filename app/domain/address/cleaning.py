"""What people paste: an address inside blanks, quotes, a payment URI, a CAIP-10 id or a link to a block explorer.

The rule here: what surrounds an address is taken off only when one address is left, and what was taken off is said.
Nothing inside the address is ever changed. Standards: BIP-21, EIP-681, CAIP-10, SEP-7.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from app.domain.address.chain import Chain
from app.domain.address.reading import Reading, parse, readings, readings_of_key, unread
from app.domain.address.refusals import refusal
from app.domain.address.registry import ANY_EVM, find_chain, hosts
from app.domain.errors import InvalidAddress

LONGEST_WRAPPING: Final = 2048  # characters of a link or URI: what wallets and browsers take
_QUOTES: Final = "\"'`*<>()[]{},;.\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a"
_caip10: Final = re.compile(r"([-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}):(.+)").fullmatch
_uri: Final = re.compile(r"([A-Za-z][-+.A-Za-z0-9]*):(?://)?([^?#]*)(?:[?#](.*))?").fullmatch
_link: Final = re.compile(r"(?:https?://)?((?:[-a-z0-9]+\.)+[a-z]{2,}(?::[0-9]+)?/.+)", re.IGNORECASE).fullmatch
_is_tag: Final = re.compile(r"[0-9A-Za-z]{1,64}").fullmatch
_TAGS: Final = ("dt", "memo", "tx_payment_id")  # of the XRP Ledger, Stellar (SEP-7) and Monero
_SCHEMES: Final = {"web+stellar": "stellar", "web+cardano": "cardano", "ripple": "xrp", "xrpl": "xrp"}
_BEFORE_ADDRESS: Final = ("pay-", "pay", "transfer/")  # EIP-681, SEP-7, TON
_MARKERS: Final = frozenset({"address", "addresses", "account", "accounts", "addr", "wallet", "contract"})
_OTHER_THINGS: Final = frozenset({"tx", "transaction", "transactions", "block", "blocks", "ledger"})


class Interpreted(NamedTuple):
    """The readings of a text, and the words for what was taken off around it: blanks, invisible, quotes, ..."""

    readings: tuple[Reading, ...]
    cleaned: tuple[str, ...] = ()


class _Wrapped(NamedTuple):
    """What a URI, id or link holds: the texts that may be the address, the chain it names, a tag beside the address."""

    word: str
    texts: tuple[str, ...]
    chain: Chain | None = None
    tag: str | None = None
    first: bool = False  # the first text that reads is the address; else they must all be one


def interpret(text: str, chain: Chain | None = None, *, keys: bool = False) -> Interpreted:
    """Read a text as `parse` and `readings` do, without what surrounds the address; with `keys` a raw public key too.

    Raises InvalidAddress: those of `parse`; unreadable when no chain is named and none reads it; ambiguous when the
    text holds more than one thing, or contradicts the chain that is named.
    """
    try:
        return Interpreted(_read(text, chain, keys=keys))
    except InvalidAddress as refused:
        if not text or len(text) > LONGEST_WRAPPING:
            raise
        return _interpret_wrapped(text, chain, refused, keys=keys)


def _interpret_wrapped(text: str, chain: Chain | None, refused: InvalidAddress, *, keys: bool) -> Interpreted:
    bare, changes = _bare(text)
    if not bare:
        raise refusal("empty")
    if changes:
        try:
            return Interpreted(_read(bare, chain, keys=keys), changes)
        except InvalidAddress as again:
            refused = again
    for unwrap in _UNWRAPPERS:
        wrapped = unwrap(bare)
        if wrapped is not None:
            return Interpreted(_read_wrapped(wrapped, chain), (*changes, wrapped.word))
    raise refused


def _read(text: str, chain: Chain | None, *, keys: bool = False) -> tuple[Reading, ...]:
    of_key = readings_of_key(text, chain) if keys else ()
    if chain is None:
        found = readings(text) + of_key
        if all(reading.is_loose for reading in found):
            refused = unread(text)
            if not found or refused.reason != "unreadable":  # a mistyped address is no lawful name
                raise refused
        return found
    try:
        return (Reading(chain, parse(chain, text)), *of_key)
    except InvalidAddress:
        if of_key:
            return of_key
        raise


def _bare(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text without what is invisible, and without blanks and quotes around it; and the words for that."""
    visible = "".join(character for character in text if unicodedata.category(character) != "Cf")
    bare = visible.strip()
    changes = [word for word, changed in (("invisible", visible != text), ("blanks", bare != visible)) if changed]
    unquoted = bare
    while unquoted != (inner := unquoted.strip(_QUOTES).strip()):
        unquoted = inner
    if unquoted != bare:
        changes.append("quotes")
    return unquoted, tuple(changes)


def _read_wrapped(wrapped: _Wrapped, stated: Chain | None) -> tuple[Reading, ...]:
    chain = _agreed(wrapped.chain, stated)
    found: dict[bytes, tuple[Reading, ...]] = {}
    reasons = []
    for text in wrapped.texts:
        try:
            read = _read(text, chain)
        except InvalidAddress as error:
            reasons.append(error)
            continue
        if wrapped.word == "link" and not wrapped.first and read[0].is_loose:  # any word of a link may be a name
            continue
        found.setdefault(read[0].address.key, read)
        if wrapped.first:
            break
    if not found:
        raise refusal("unreadable") if wrapped.word == "link" and len(reasons) != 1 else reasons[0]
    if len(found) > 1:
        raise refusal("ambiguous", f"The text holds {len(found)} addresses: give the one that you mean, alone.")
    (read,) = found.values()
    return tuple(_tagged(reading, wrapped.tag) for reading in read)


def _agreed(named: Chain | None, stated: Chain | None) -> Chain | None:
    """Return the one chain of what the text names and what is stated beside it."""
    if stated is None or named is None or stated == named:
        return stated or named
    if named.family == stated.family and ANY_EVM in {named.caip2, stated.caip2}:
        return stated if named.caip2 == ANY_EVM else named
    raise refusal(
        "not_on_chain", f"The text itself names {named.name}, not {stated.name}: state {named.slug} as its chain."
    )


def _tagged(reading: Reading, tag: str | None) -> Reading:
    if tag is None or tag == reading.address.tag:
        return reading
    if reading.address.tag is not None or not _is_tag(tag):
        raise refusal("ambiguous", "The text holds a tag that cannot be taken from it: give address and tag apart.")
    return reading._replace(address=reading.address._replace(tag=tag))


def _unwrap_caip10(text: str) -> _Wrapped | None:
    match = _caip10(text)
    chain = find_chain(match[1]) if match else None
    return None if match is None or chain is None else _Wrapped("caip10", (unquote(match[2]),), chain)


def _unwrap_uri(text: str) -> _Wrapped | None:
    match = _uri(text)
    scheme = match[1].lower() if match else ""
    chain = find_chain(_SCHEMES.get(scheme, scheme))
    if match is None or chain is None:
        return None
    body, query = unquote(match[2]), dict(parse_qsl(match[3] or ""))
    if chain.family == "evm":
        body, chain = _eip681(body, query, chain)
    for before in _BEFORE_ADDRESS:
        body = body.removeprefix(before)
    texts = tuple(dict.fromkeys(filter(None, (query.get("destination"), body, f"{scheme}:{body}"))))
    tags = {query[name] for name in _TAGS if name in query}
    return _Wrapped("uri", texts, chain, tags.pop() if len(tags) == 1 else None)


def _eip681(body: str, query: dict[str, str], chain: Chain) -> tuple[str, Chain | None]:
    """Return the account and the chain of an EIP-681 URI: without a chain id it may be meant on any EVM chain."""
    if "/" in body or "address" in query:
        raise refusal(
            "ambiguous", "The URI calls a contract: give the address that you mean, the contract's or the recipient's."
        )
    account, separator, number = body.partition("@")
    return account, find_chain(f"eip155:{number}") if separator else find_chain(ANY_EVM) or chain


def _unwrap_link(text: str) -> _Wrapped | None:
    match = _link(text)
    if match is None:
        return None
    try:
        parts = urlsplit(f"//{match[1]}")
    except ValueError:
        return None
    route = parts.fragment if parts.fragment.startswith(("/", "!/")) else ""
    path = [unquote(step) for step in f"{parts.path}/{route.partition('?')[0]}".split("/") if step]
    words = [step.lower() for step in path]
    if not _OTHER_THINGS.isdisjoint(words):
        raise refusal("ambiguous", "The link leads to a transaction or block, not to an address: give the address.")
    shown = hosts().get((parts.hostname or "").removeprefix("www."), ())
    chain = shown[0] if len(shown) == 1 else next((c for c in map(find_chain, words) if c in shown), None)
    place = next((place for place, word in enumerate(words) if word in _MARKERS), None)
    if place is not None:
        return _Wrapped("link", tuple(path[place + 1 :]), chain, first=True)
    return _Wrapped("link", (*path, *(value for _, value in parse_qsl(parts.query))), chain)


_UNWRAPPERS: Final[Iterable[Callable[[str], _Wrapped | None]]] = (_unwrap_link, _unwrap_caip10, _unwrap_uri)
