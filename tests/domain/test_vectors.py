"""The vectors: valid ones parse, verify and print to the same bytes; invalid ones are refused for the reason stated."""

import base64
import json
from pathlib import Path

import pytest

from app.domain import canonical, merkle, record, signing
from app.domain.errors import Meaning

VECTORS = Path(__file__).parents[1] / "vectors"


def vectors(folder):
    return [
        pytest.param(json.loads(path.read_text()), id=path.stem) for path in sorted((VECTORS / folder).glob("*.json"))
    ]


def stored(part):
    return part["text"].encode() if "text" in part else base64.b64decode(part["base64"])


def read(vector):
    """Read a vector as a node reads what it is given: envelope, signature, record; or the bytes of a record alone."""
    if "envelope" not in vector:
        return record.parse(stored(vector["payload"]))
    envelope = signing.parse_envelope(canonical.decode(stored(vector["envelope"])))
    signing.verify(envelope, base64.b64decode(vector["key"]))
    return record.parse(envelope.payload)


@pytest.mark.parametrize("vector", vectors("valid"))
def test_a_valid_vector_is_read_verified_and_printed_again(vector):
    payload, envelope_bytes = stored(vector["payload"]), stored(vector["envelope"])
    made = read(vector)
    envelope = signing.parse_envelope(canonical.decode(envelope_bytes))
    assert envelope.payload == payload
    assert envelope.to_bytes() == envelope_bytes
    assert canonical.encode(canonical.decode(payload)) == payload
    if vector.get("reprints", True):  # a field of a later version stays in the bytes alone
        assert canonical.encode(made.to_document()) == payload
    assert envelope.digest.hex() == vector["digest"]
    assert merkle.leaf_hash(envelope_bytes).hex() == vector["leaf_hash"]


@pytest.mark.parametrize("vector", vectors("invalid"))
def test_an_invalid_vector_is_refused_for_its_reason(vector):
    with pytest.raises(Meaning) as refused:
        read(vector)
    assert refused.value.code == vector["code"]
    assert [row.code for row in refused.value.errors[:1]] == ([vector["row"]] if "row" in vector else [])


def test_there_is_a_vector_of_every_kind_and_of_every_part():
    kinds = {read(param.values[0]).kind for param in vectors("valid")}
    assert kinds > set(record.KINDS)
    parts = {path.stem.split("_", 1)[0] for path in (VECTORS / "invalid").glob("*.json")}
    assert parts == {
        *("bytes", "frame", "audience", "nonce", "envelope"),
        *("report", "revocation", "erasure", "opinion", "sighting", "organization", "group", "node"),
    }


@pytest.mark.parametrize("folder", ["valid", "invalid"])
def test_each_vector_says_why_in_one_line(folder):
    for param in vectors(folder):
        why = param.values[0]["why"]
        assert why.endswith((".", "?"))
        assert "\n" not in why
