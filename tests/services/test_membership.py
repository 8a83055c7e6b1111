"""Membership: who belongs here, by what keys and credentials - and who may say so."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import record, signing
from app.domain.actor import Actor, Scope
from app.domain.errors import Conflict, Forbidden, IdempotencyMismatch, Invalid, NotFound
from app.services import membership
from app.services.repeats import repeat_of
from tests.world import faults


async def test_an_organization_is_added_once(home):
    made = await home.organization("the one")
    with pytest.raises(Conflict):
        await home.organization("the one")
    found, keys = await membership.get_organization(home.node, made.actor, made.id)
    assert (found.name, found.version, len(keys), keys[0].custody) == ("the one", 1, 1, "node")
    assert keys[0].sealed_seed is not None
    assert signing.public_key(home.node.identity.unseal(keys[0].sealed_seed)) == keys[0].public_key
    own = await home.organization(own_key=True)
    _, keys = await membership.get_organization(home.node, made.actor, own.id)
    assert (keys[0].custody, keys[0].sealed_seed, keys[0].public_key) == (
        "organization", None, signing.public_key(own.seed)
    )  # fmt: skip
    with pytest.raises(NotFound):
        await membership.get_organization(home.node, made.actor, home.node.new_id(home.tick()))


async def test_a_repeated_addition_is_one(home):
    repeat = repeat_of("key", "add", b"body")

    def add(repeat=repeat):
        return membership.add_organization(
            home.node, home.operator, "twice", "ngo", home.tick(), trusted=True, repeat=repeat
        )

    done = await asyncio.gather(*(add() for _ in range(4)))
    assert len({item.id for item in done}) == 1
    with pytest.raises(IdempotencyMismatch):
        await add(repeat_of("key", "add", b"other"))


@pytest.mark.parametrize(
    ("name", "kind", "key"),
    [("", "ngo", None), ("x" * 201, "ngo", None), ("a", "club", None), ("a", "ngo", bytes(32)), ("a", "ngo", b"short")],
)
async def test_what_no_organization_is(home, name, kind, key):
    with pytest.raises(Invalid):
        await membership.add_organization(
            home.node, home.operator, name, kind, home.tick(), trusted=True, public_key=key
        )


async def test_only_the_operator_adds_and_trusts(home):
    ngo = await home.organization()
    for actor in (ngo.actor, ngo.strong, replace(home.operator, strong=False)):
        with pytest.raises(Forbidden):
            await membership.add_organization(home.node, actor, "x", "ngo", home.tick(), trusted=True)
        with pytest.raises(Forbidden):
            await membership.trust_organization(home.node, actor, ngo.id, home.tick())


async def test_keys_are_the_organizations_own_affair(home):
    ngo, other = await home.organization(), await home.organization(own_key=True)
    for actor in (ngo.actor, other.strong):
        with pytest.raises(Forbidden):
            await membership.enrol_key(home.node, actor, ngo.id, None, home.tick())
        with pytest.raises(Forbidden):
            await membership.revoke_key(home.node, actor, ngo.id, "x", home.tick())
    with pytest.raises(NotFound):
        await membership.revoke_key(home.node, ngo.strong, ngo.id, signing.key_id(signing.public_key(other.seed)),
                                    home.tick())  # fmt: skip
    with pytest.raises(Conflict):
        await membership.enrol_key(home.node, ngo.strong, ngo.id, signing.public_key(other.seed), home.tick())
    with pytest.raises(Invalid):
        await membership.enrol_key(home.node, ngo.strong, ngo.id, bytes(32), home.tick())


async def test_a_revoked_key_signs_nothing_more(home):
    ngo = await home.organization()
    await home.submit(ngo)
    _, keys = await membership.get_organization(home.node, ngo.strong, ngo.id)
    for _ in range(2):  # twice is harmless
        await membership.revoke_key(home.node, ngo.strong, ngo.id, keys[0].keyid, home.tick())
    with pytest.raises(Conflict, match="no valid key"):
        await home.submit(ngo)
    await membership.enrol_key(home.node, ngo.strong, ngo.id, None, home.tick())
    await home.submit(ngo)
    found, keys = await membership.get_organization(home.node, ngo.strong, ngo.id)
    assert (found.version, [key.revoked_at is None for key in keys]) == (3, [False, True])
    await home.sequence()
    assert await faults(home) == []


async def test_an_organization_has_a_bounded_number_of_keys(home, monkeypatch):
    monkeypatch.setattr(record, "MAX_KEYS", 2)
    ngo = await home.organization()
    await membership.enrol_key(home.node, ngo.strong, ngo.id, None, home.tick())
    with pytest.raises(Conflict, match="at most 2"):
        await membership.enrol_key(home.node, ngo.strong, ngo.id, None, home.tick())


async def test_credentials_are_listed_without_their_secrets(home):
    ngo, other = await home.organization(), await home.organization()
    made = await home.credential(ngo, "query", networks=["192.0.2.0/24"])
    found = await membership.list_credentials(home.node, ngo.strong, ngo.id)
    assert [(item.id, item.scopes, item.networks) for item in found] == [
        (made.credential.id, ["query"], ["192.0.2.0/24"])
    ]
    secret = made.text.split("_")[2]
    assert secret not in repr(found)
    dump = repr(await home.rows("SELECT * FROM credentials")).encode()
    assert secret.encode() not in dump
    with pytest.raises(Forbidden):
        await membership.list_credentials(home.node, other.strong, ngo.id)
    with pytest.raises(NotFound):
        await membership.revoke_credential(home.node, other.strong, other.id, made.credential.id, home.tick())
    for _ in range(2):
        await membership.revoke_credential(home.node, ngo.strong, ngo.id, made.credential.id, home.tick())
    assert (await membership.list_credentials(home.node, ngo.strong, ngo.id))[0].revoked_at is not None


async def test_what_no_credential_is(home, monkeypatch):
    ngo = await home.organization()
    for scopes, fields in (
        ((), {}),
        (("rule",), {}),
        (("query",), {"networks": ["everywhere"]}),
        (("query",), {"expires_at": home.world.clock.now - timedelta(days=1)}),
    ):
        with pytest.raises(Invalid):
            await membership.add_credential(home.node, home.operator, ngo.id, "key", scopes, home.tick(), **fields)
    monkeypatch.setattr(membership, "MAX_CREDENTIALS", 1)
    await home.credential(ngo)
    with pytest.raises(Conflict, match="at most 1"):
        await home.credential(ngo)


async def test_nobody_gives_what_it_does_not_have(home):
    """A partner that made itself an 'operate' key could found groups in another's name, signed with that one's key."""
    ngo = await home.organization()
    for actor, scopes in (
        (ngo.strong, ["operate"]),
        (home.operator, ["operate"]),
        (replace(ngo.strong, scopes=frozenset({Scope.ADMINISTER})), ["query"]),
    ):
        with pytest.raises(Forbidden):
            await membership.add_credential(home.node, actor, ngo.id, "key", scopes, home.tick())
    owner = home.operator.organization
    made = await membership.add_credential(home.node, home.operator, owner, "key", ["operate"], home.tick())
    assert made.credential.scopes == ["operate"]


async def test_lists_are_paged_by_id(home):
    partners = sorted([(await home.organization()).id for _ in range(5)] + [home.operator.organization])
    ngo = Actor(partners[1], "p", "machine", frozenset(Scope))
    seen, after = [], None
    while page := await membership.list_organizations(home.node, ngo, after, 2):
        seen += [item.id for item in page]
        after = seen[-1]
    assert seen == partners
