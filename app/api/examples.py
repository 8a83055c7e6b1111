"""The examples of the OpenAPI document, which the tests send.

The addresses are the burn address of Ethereum and the first Bitcoin address ever; nobody is accused.
"""

from typing import Any

BITCOIN = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"

REPORT: dict[str, Any] = {
    "category": "sex_trafficking",
    "subcategory": "escort_ad_payment",
    "method": "advert",
    "confidence": 60,
    "reliability": "B",
    "credibility": 2,
    "tlp": "TLP:CLEAR",
    "pap": "PAP:CLEAR",
    "audience": {"kind": "public"},
    "case": "OP-2026-17",
    "legal_basis": "public_source",
    "summary": "An example: nobody is accused.",
    "evidence": [
        {
            "kind": "advert",
            "reference": "archive:example-1",
            "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "observed_at": "2026-05-01T00:00:00Z",
        }
    ],
    "indicators": [
        {
            "chain": "bitcoin",
            "address": BITCOIN,
            "role": "operator_receiving",
            "relation": "controlled_by",
            "first_seen": "2025-11-02T00:00:00Z",
            "ref": "row-1",
        }
    ],
}
REVOCATION = {"reason": "mistaken"}
ERASURE = {"reason": "personal_data"}
OPINION = {"opinion": "disagree", "reason": "service_address"}
SIGHTING = {"chain": "bitcoin", "address": BITCOIN, "count": 3}
SCREENING = {
    "addresses": [
        {"address": BITCOIN, "chain": "bitcoin", "ref": "42"},
        {"address": "0x000000000000000000000000000000000000dead", "chain": "ethereum", "ref": "43"},
    ],
    "detail": "summary",
}
ORGANIZATION = {"name": "Example Partner", "kind": "ngo"}
KEY: dict[str, Any] = {"public_key": None}
CREDENTIAL = {"name": "bulk import", "scopes": ["query", "submit"]}
GROUP: dict[str, Any] = {"name": "Example group", "members": []}
MEMBERS: dict[str, Any] = {"add": [], "remove": []}
