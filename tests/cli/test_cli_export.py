"""`watchfire export`: into files and pipes, with the signing key, and clear words without it."""

import csv
import io
import json
from pathlib import Path

import pytest

from app.cli.failures import Exit
from app.client import Client
from app.domain import signing
from app.formats.tagpack import TagPack
from tests.client.real import serve_real

SEED = bytes(range(32))
BTC = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
ETH = "0x52908400098527886e0f7030069857d2e4169ee7"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with serve_real(tmp_path_factory.mktemp("node")) as node:
        node.partner, node.partner_key = node.add_organization("Partner", public_key=signing.public_key(SEED))
        fields = {
            "category": "csam",
            "method": "advert",
            "confidence": 60,
            "tlp": "TLP:CLEAR",
            "audience": {"kind": "public"},
        }
        with Client(node.url, node.key) as client:
            client.submit({**fields, "indicators": [{"chain": "bitcoin", "address": BTC}]})
            made = client.submit({**fields, "indicators": [{"chain": "ethereum", "address": ETH}]})
            client.revoke(made["id"], "mistaken")
        yield node


@pytest.fixture
def node(real, monkeypatch, tmp_path):
    key = tmp_path / "partner.key"
    key.write_text(SEED.hex())
    key.chmod(0o600)
    monkeypatch.setenv("WATCHFIRE_URL", real.url)
    monkeypatch.setenv("WATCHFIRE_API_KEY", real.partner_key)
    monkeypatch.setenv("WATCHFIRE_SIGNING_KEY", str(key))
    return real


def test_a_table_goes_into_a_pipe(command, node):
    ended = command("export")
    assert ended.exit_code == Exit.DONE, ended.err
    rows = {row["address"]: row["state"] for row in csv.DictReader(io.StringIO(ended.out))}
    assert rows == {BTC: "live", ETH: "revoked"}
    assert "bytes written" in ended.err


@pytest.mark.parametrize("form", ["csv", "ndjson", "tagpack", "stix", "misp"])
def test_every_form_goes_into_a_file(command, node, form):
    ended = command("export", "--format", form, "-o", "out", "--json")
    assert ended.exit_code == Exit.DONE, ended.err
    said = json.loads(ended.out)
    content = Path("out").read_bytes()
    assert said["bytes"] == len(content)
    assert BTC in content.decode()
    assert not Path("out.part").exists()
    if form == "tagpack":
        assert said["summary"] == "1 tags. Left out, because a tag cannot say it: 1 revoked."
        assert [row.address for row in TagPack(io.BytesIO(content))] == [BTC]


def test_filters_are_passed_on(command, node):
    ended = command("export", "--chain", "ethereum", "--state", "revoked", "--strict")
    assert ETH in ended.out
    assert BTC not in ended.out


def test_with_an_api_key_alone_it_says_what_is_needed(command, node, monkeypatch):
    monkeypatch.delenv("WATCHFIRE_SIGNING_KEY")
    ended = command("export", "-o", "out")
    assert ended.exit_code == Exit.USAGE
    assert "--sign-with" in ended.err
    assert "watchfire key add" in ended.err
    assert not Path("out").exists()


def test_json_needs_a_file(command, node):
    assert command("export", "--json").exit_code == Exit.USAGE


def test_a_cut_off_export_leaves_no_file(command, scripted, node, monkeypatch):
    def script(asked):
        if asked.path.startswith("/v1/exports"):
            return 200, {"Content-Type": "text/csv", "Transfer-Encoding": "chunked"}, b"5\r\nabcde\r\nnot a length\r\n"
        if asked.path == "/v1/token":
            body = json.dumps({"access_token": "t", "expires_in": 900}).encode()
            return 200, {"Content-Type": "application/json"}, body
        return 200, {"Content-Type": "application/json"}, json.dumps({"id": "wf" + "a" * 32}).encode()

    monkeypatch.setattr(
        "app.cli.export.load_signer", lambda client, _: client.signer("0190e5a0-0000-7000-8000-00000000000a", SEED)
    )
    scripted.script = script
    ended = command("export", "--url", scripted.url, "--key", "k", "-o", "out")
    assert ended.exit_code == Exit.NO_CONNECTION, ended.err
    assert not Path("out").exists()


def test_a_refusal_is_said_and_leaves_no_file(command, node):
    ended = command("export", "--since", "yesterday", "-o", "out")
    assert ended.exit_code == Exit.REFUSED
    assert "RFC 3339" in ended.err
    assert not Path("out").exists()
