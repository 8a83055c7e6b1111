"""An operator's commands about organizations, API keys, signing keys and groups."""

import base64
import json
import os
import stat

import pytest

from app.cli import run
from app.client.signer import read_seed
from app.domain import signing


@pytest.fixture
def data(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("WATCHFIRE_") and not name.startswith("WATCHFIRE_TEST"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WATCHFIRE_DATA", str(tmp_path / "node"))
    assert run(["init", "--json"]) == 0
    return tmp_path / "node"


@pytest.fixture
def say(capsys, data):
    def call(*words):
        capsys.readouterr()
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def ask(say):
    def call(*words):
        code, out, err = say(*words, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


def test_organizations_are_added_listed_and_trusted(ask, say):
    first = ask("organization", "add", "Aid", "--kind", "ngo")
    assert first["trusted"] is True
    waits = ask("organization", "add", "New", "--kind", "exchange", "--review")
    assert waits["trusted"] is False
    assert ask("organization", "trust", waits["id"])["published"] == 0
    listed = {row["id"]: row["trusted"] for row in ask("organization", "list")["organizations"]}
    assert listed[first["id"]]
    assert listed[waits["id"]]
    assert say("organization", "add", "Aid", "--kind", "ngo")[0] == 5
    assert say("organization", "add", "Odd", "--kind", "club")[0] == 5
    assert say("organization", "trust", "01a203d2-cf0e-7d0f-9a22-063c2209c796")[0] == 4
    assert say("organization", "trust", "nobody")[0] == 2
    assert "Aid" in say("organization", "list", "--format", "table")[1]


def test_credentials_are_shown_once_and_revoked(ask, say):
    owner = ask("organization", "add", "Aid", "--kind", "ngo")["id"]
    options = ("--organization", owner, "--scope", "submit", "--scope", "query")
    made = ask("credential", "add", *options, "--network", "192.0.2.0/24", "--expires", "2099-01-01")
    assert made["api_key"].startswith(f"wfk_{made['id']}_")
    (row,) = ask("credential", "list", "--organization", owner)["credentials"]
    assert row["scopes"] == ["query", "submit"]
    assert made["api_key"] not in json.dumps(row)
    assert ask("credential", "revoke", made["id"], "--organization", owner)["state"] == "revoked"
    assert ask("credential", "list", "--organization", owner)["credentials"][0]["revoked_at"]
    assert say("credential", "revoke", made["id"])[0] == 4  # the operator has no such key of its own
    assert say("credential", "add", *options, "--expires", "2001-01-01")[0] == 5
    assert say("credential", "add", *options, "--expires", "soon")[0] == 5
    assert say("credential", "add", "--organization", owner)[0] == 2
    assert "api key" in say("credential", "add", *options)[1]


def test_a_partner_makes_its_key_and_the_operator_enrols_it(ask, say, tmp_path):
    place = tmp_path / "seed"
    made = ask("key", "new", place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    seed = read_seed(place.read_bytes())
    assert base64.b64decode(made["public_key"]) == signing.public_key(seed)
    assert seed.hex() not in json.dumps(made)
    assert say("key", "new", place)[0] == 1
    assert read_seed(place.read_bytes()) == seed

    owner = ask("organization", "add", "Own", "--kind", "ngo", "--public-key", made["public_key"])
    assert owner["custody"] == "organization"
    other = ask("key", "new", tmp_path / "other")
    (tmp_path / "other.pub").write_text(other["public_key"] + "\n")
    added = ask("key", "add", "--organization", owner["id"], "--public-key", tmp_path / "other.pub")
    assert (added["keyid"], added["custody"]) == (other["keyid"], "organization")
    assert ask("key", "revoke", other["keyid"], "--organization", owner["id"])["state"] == "revoked"
    rows = {row["keyid"]: row["revoked_at"] for row in ask("key", "list", "--organization", owner["id"])["keys"]}
    assert rows[made["keyid"]] is None
    assert rows[other["keyid"]]
    assert say("key", "add", "--public-key", "short")[0] == 2
    assert ask("key", "add")["custody"] == "node"


def test_public_keys_are_read_from_pem(ask, tmp_path):
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519, x25519  # noqa: PLC0415

    forms = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    place = tmp_path / "key.pem"
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    place.write_bytes(public.public_bytes(*forms))
    made = ask("key", "add", "--public-key", place)
    assert base64.b64decode(made["public_key"]) == public.public_bytes_raw()
    place.write_bytes(x25519.X25519PrivateKey.generate().public_key().public_bytes(*forms))
    assert run(["key", "add", "--public-key", str(place)]) == 2


def test_groups_grow_and_shrink(ask, say):
    first, second, third = (ask("organization", "add", name, "--kind", "ngo")["id"] for name in ("A", "B", "C"))
    made = ask("group", "add", "Circle", "--member", first, "--member", second, "--steward", first)
    assert made["members"] == sorted([first, second])
    assert ask("group", "list")["groups"] == []  # the operator neither leads it nor belongs to it
    assert [row["id"] for row in ask("group", "list", "--organization", second)["groups"]] == [made["id"]]
    assert say("group", "join", made["id"], "--member", third)[0] == 4
    grown = ask("group", "join", made["id"], "--member", third, "--steward", first)
    assert (grown["version"], len(grown["members"])) == (2, 3)
    shrunk = ask("group", "leave", made["id"], "--member", second, "--steward", first)
    assert shrunk["members"] == sorted([first, third])
    assert "Circle" in say("group", "list", "--organization", first, "--format", "table")[1]
    assert ask("log", "verify")["ok"]
