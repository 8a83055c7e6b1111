"""The API by name: each method is one operation of `/v1`, the same for the blocking and the asynchronous client.

The rule here: a method makes a request and names what its answer is; sending, waiting and repeating are elsewhere.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID, uuid4

from app.client.calls import Request, get, part, post

Answer = TypeVar("Answer")
Rows = TypeVar("Rows")
Text = TypeVar("Text")
FOLLOWING_PATHS = {"revocation": "revocation", "erasure": "erasure", "opinion": "opinions", "sighting": "sightings"}


class Postable(Protocol):
    """What knows the document that is posted for it, as `signer.Signed` does."""

    def to_document(self) -> dict[str, Any]:
        """Give the document."""
        ...


class Api(ABC, Generic[Answer, Rows, Text]):
    """The operations of a node.

    Each answers a JSON object (`Answer`), a text (`Text`), or walks a list (`Rows`). Raises ProblemError where the node
    refuses, NetworkError where it cannot be reached, ProtocolError for an answer that is not understood.
    """

    @abstractmethod
    def call(self, request: Request) -> Answer:
        """Send a request whose answer is one JSON object."""

    @abstractmethod
    def read_text(self, request: Request) -> Text:
        """Send a request whose answer is a text."""

    @abstractmethod
    def walk(self, request: Request, noun: str) -> Rows:
        """Walk the pages of a list, whose rows are under `noun` and whose next cursor is under `next`."""

    def node(self) -> Answer:
        """Ask who the node is: id, keys, name, versions."""
        return self.call(get("/v1/node"))

    def check(self, address: str, chain: str | None = None, as_of: str | None = None) -> Answer:
        """Ask what is known about one address; `as_of` (RFC 3339) asks what was known then."""
        return self.call(get(f"/v1/addresses/{part(address)}", chain=chain, as_of=as_of))

    def submit(
        self, report: Mapping[str, Any] | Postable | bytes, *, partial: bool = False, idempotency_key: str | None = None
    ) -> Answer:
        """Submit a report: its fields, their JSON bytes, or a record signed here (`LocalSigner.report`).

        With `partial` the good rows are accepted and the bad ones answered under `refused`. Sent twice under one
        `idempotency_key` (drawn where none is given), it is still one report.
        """
        document = report if isinstance(report, bytes | Mapping) else report.to_document()
        return self.call(
            post("/v1/reports", document, idempotency_key or str(uuid4()), partial="true" if partial else None)
        )

    def report(self, report_id: UUID | str) -> Answer:
        """Read one report with its provenance and history."""
        return self.call(get(f"/v1/reports/{part(report_id)}"))

    def reports(self, **filters: object) -> Rows:
        """Walk the reports; filters: category, state, issuer, chain, since, limit (rows of a page)."""
        return self.walk(get("/v1/reports", **filters), "reports")

    def follow(
        self,
        kind: str,
        report_id: UUID | str,
        content: Mapping[str, Any] | Postable,
        *,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Send what follows a report (revocation, erasure, opinion, sighting): its fields, or a record signed here."""
        document = content if isinstance(content, Mapping) else content.to_document()
        path = f"/v1/reports/{part(report_id)}/{FOLLOWING_PATHS[kind]}"
        return self.call(post(path, document, idempotency_key or str(uuid4())))

    def revoke(self, report_id: UUID | str, reason: str, addresses: Sequence[Mapping[str, str]] = ()) -> Answer:
        """Take back a report, or only the addresses named (`chain`, `address`)."""
        fields: dict[str, Any] = {"reason": reason}
        return self.follow("revocation", report_id, {**fields, "addresses": list(addresses)} if addresses else fields)

    def erase(self, report_id: UUID | str, reason: str) -> Answer:
        """Have the content of a report removed everywhere."""
        return self.follow("erasure", report_id, {"reason": reason})

    def opine(self, report_id: UUID | str, opinion: str, reason: str, summary: str | None = None) -> Answer:
        """Say what one's organization thinks of another's report."""
        fields = {"opinion": opinion, "reason": reason}
        return self.follow("opinion", report_id, {**fields, "summary": summary} if summary else fields)

    def sight(self, report_id: UUID | str, chain: str, address: str, count: int = 1, **seen: str) -> Answer:
        """Say that one's organization has met an address of a report; `seen`: first_seen, last_seen."""
        return self.follow("sighting", report_id, {"chain": chain, "address": address, "count": count, **seen})

    def organization(self, organization_id: UUID | str = "self") -> Answer:
        """Read an organization; by default one's own."""
        return self.call(get(f"/v1/organizations/{part(organization_id)}"))

    def organizations(self, **filters: object) -> Rows:
        """Walk the organizations that this node knows."""
        return self.walk(get("/v1/organizations", **filters), "organizations")

    def keys(self, organization_id: UUID | str) -> Rows:
        """Walk the signing keys of an organization."""
        return self.walk(get(f"/v1/organizations/{part(organization_id)}/keys"), "keys")

    def credentials(self, organization_id: UUID | str) -> Rows:
        """Walk the credentials of an organization; no secret is in them."""
        return self.walk(get(f"/v1/organizations/{part(organization_id)}/credentials"), "credentials")

    def groups(self, **filters: object) -> Rows:
        """Walk the sharing groups."""
        return self.walk(get("/v1/groups", **filters), "groups")

    def vocabulary(self) -> Answer:
        """Read the words that a report may use."""
        return self.call(get("/v1/vocabulary"))

    def chains(self, text: str = "") -> Rows:
        """Walk the chains with a text in a name, id or symbol; all of them without one."""
        return self.walk(get("/v1/chains", q=text), "chains")

    def assets(self, text: str = "", chain: str | None = None) -> Rows:
        """Walk the assets with a text in their symbol, name or id, of one chain or of all."""
        return self.walk(get("/v1/assets", q=text, chain=chain), "assets")

    def logs(self) -> Rows:
        """Walk the logs that one may read."""
        return self.walk(get("/v1/logs"), "logs")

    def checkpoint(self, log_id: str) -> Text:
        """Read the newest signed checkpoint of a log: a C2SP note."""
        return self.read_text(get(f"/v1/logs/{part(log_id)}/checkpoint"))

    def entries(self, log_id: str, start: int = 0, limit: int | None = None) -> Answer:
        """Read entries of a log from an index on, at most `limit`."""
        return self.call(get(f"/v1/logs/{part(log_id)}/entries", **{"from": start}, limit=limit))

    def proof(
        self, log_id: str, *, index: int | None = None, start: int | None = None, size: int | None = None
    ) -> Answer:
        """Ask a log to prove that the entry at `index` is in it, or that it only grew from a size of `start`.

        `size` is the tree's; without it the newest.
        """
        return self.call(get(f"/v1/logs/{part(log_id)}/proof", index=index, **{"from": start}, size=size))
