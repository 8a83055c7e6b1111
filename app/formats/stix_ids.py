"""The ids of STIX objects: the same for the same thing on every node, and such that the thing can be found by them.

The rule here: an id follows from the ids of records and organizations alone, never from an address, so that the id of
what was erased tells nothing; only the wallet's id follows from its value, because everybody makes it so. The STIX
schemas know UUIDs of version 5 at most: an organization's id, which is of version 7, gets another version number; an
indicator's is the version 5 UUID of its report, the last 14 bits of which give way to the ordinal.
"""

import re
from functools import lru_cache
from hashlib import sha1
from uuid import UUID, uuid5

import msgspec

from app.domain.marking import Tlp

NAMESPACE = UUID("c0f8a9ac-3c0c-5b8e-9f57-2a0f7f7ad5a1")
WALLETS = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")  # of STIX 2.1 section 2.9, for observables
EXTENSION = f"extension-definition--{uuid5(NAMESPACE, 'watchfire report')}"
OF_REPORT = 0x3FFF  # the ordinal that stands for the report itself: above every indicator's
_VERSION = 0xF << 76
_ID = re.compile(r"([a-z][a-z0-9-]{1,60})--([0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})")

MARKINGS = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""OASIS TLP 2.0."""

MARKED_BY: dict[str, Tlp] = {
    **{name: tlp for tlp, name in MARKINGS.items()},
    # TLP 1 as STIX 2.1 itself defines it (section 7.2.1.4).
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
    # OpenCTI's own.
    "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37": Tlp.AMBER_STRICT,
}


def parse(text: object) -> tuple[str, UUID] | None:
    """Read an id as its type and UUID; None for what is no id."""
    found = _ID.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else (found[1], UUID(found[2]))


@lru_cache(maxsize=4096)
def base_of(report: UUID) -> UUID:
    """Give the UUID of a report's objects: its last 14 bits are free for an ordinal."""
    return _free(uuid5(NAMESPACE, str(report)))


def split(value: UUID) -> tuple[UUID, int]:
    """Give the UUID of the report, and the ordinal of the indicator, that a UUID is made of."""
    return _free(value), value.int & OF_REPORT


def _free(value: UUID) -> UUID:
    return UUID(int=value.int & ~OF_REPORT)


def of_ordinal(base: UUID, ordinal: int) -> UUID:
    """Give the UUID of an indicator, and of the relationship between it and its wallet."""
    return UUID(int=base.int | ordinal)


def of_opinion(report: UUID, author: UUID) -> UUID:
    """Give the UUID of what an organization thinks of a report: one opinion, in its newest version."""
    return _free(uuid5(NAMESPACE, f"opinion {report} {author}"))


def of_sighting(record: UUID) -> UUID:
    """Give the UUID of a sighting."""
    return _free(uuid5(NAMESPACE, f"sighting {record}"))


def of_organization(organization: UUID) -> UUID:
    """Give the UUID of an organization's identity: its own id with another version number."""
    return UUID(int=organization.int & ~_VERSION | 5 << 76)


def organization_of(value: UUID) -> UUID:
    """Give the id of the organization whose identity has this UUID, if there is one."""
    return UUID(int=value.int & ~_VERSION | 7 << 76)


def of_wallet(value: str) -> bytes:
    """Give the 16 bytes of the UUID of the wallet of an address: from the address alone, as OpenCTI and dogesec do.

    It is uuid5(WALLETS, canonical JSON of {"value": ...}), made for each indicator at a third of that function's price.
    """
    made = bytearray(sha1(WALLETS.bytes + msgspec.json.encode({"value": value}), usedforsecurity=False).digest()[:16])
    made[6] = made[6] & 0x0F | 0x50
    made[8] = made[8] & 0x3F | 0x80
    return bytes(made)


def of_collection(what: str) -> UUID:
    """Give the UUID of a collection."""
    return uuid5(NAMESPACE, f"collection {what}")
