"""The recipes of the README do what they say, typed as they stand there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.client import Client
from app.domain import signing
from app.formats.tagpack import TagPack
from tests.client.real import serve_real

ROOT = Path(__file__).parents[2]
SEED = bytes(range(1, 33))
BTC = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
THEIRS = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"
RECIPES = dict(
    re.findall(r"<!-- recipe: (\w+) -->\n```sh\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL),
)
CLAIM = {"category": "sex_trafficking", "method": "advert", "confidence": 60}
PACK = f"""\
title: A pack
creator: Someone
network: BTC
currency: BTC
confidence: web_crawl
source: https://pack.example
lastmod: 2026-01-01
label: escort advertising
tags:
  - address: {THEIRS}
"""
# As much of curl as the recipes use: a bare machine has none.
CURL = """\
import base64, sys, urllib.request
said, url, headers = sys.argv[1:], None, {}
while said:
    word = said.pop(0)
    if word == "-H":
        name, _, value = said.pop(0).partition(": ")
        headers[name] = value
    elif word == "-u":
        headers["Authorization"] = "Basic " + base64.b64encode(said.pop(0).encode()).decode()
    elif word != "-s":
        url = word
with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
    sys.stdout.write(answer.read().decode() + "\\n")
"""


def submit(node, address):
    with Client(node.url, node.key) as client:
        said = {
            "tlp": "TLP:CLEAR",
            "audience": {"kind": "public"},
            "indicators": [{"chain": "bitcoin", "address": address}],
        }
        client.submit({**CLAIM, **said})


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Our node, with a report and an organization that signs for itself; and the one of somebody else, with another."""
    with serve_real(tmp_path_factory.mktemp("ours")) as ours, serve_real(tmp_path_factory.mktemp("theirs")) as theirs:
        submit(ours, BTC)
        submit(theirs, THEIRS)
        _, ours.partner_key = ours.add_organization("Partner", public_key=signing.public_key(SEED))
        yield ours, theirs


@pytest.fixture
def follow(nodes, tmp_path):
    """Type a recipe into a shell; give what it prints, line by line."""
    ours, theirs = nodes
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, content in (("curl", CURL), ("watchfire", "from app.__main__ import main\nmain()\n")):
        (programs / name).write_text(f"#!{sys.executable}\n{content}")
        (programs / name).chmod(0o700)
    key, pack = tmp_path / "signing.key", tmp_path / "pack.yaml"
    key.write_text(SEED.hex())
    key.chmod(0o600)
    pack.write_text(PACK)

    def type_in(name, api_key=ours.key):
        collection = f"{theirs.url}/taxii2/watchfire/collections/all/"
        done = subprocess.run(
            ["/bin/sh", "-ec", RECIPES[name]],
            env={
                "PATH": f"{programs}:/usr/bin:/bin", "PYTHONPATH": str(ROOT),
                "XDG_CONFIG_HOME": str(tmp_path), "NO_COLOR": "1",
                "WATCHFIRE_URL": ours.url, "WATCHFIRE_API_KEY": api_key, "KEY_ID": api_key.split("_")[1],
                "TAXII_COLLECTION": collection, "WATCHFIRE_TAXII_SECRET": theirs.key,
                "MISP_URL": f"{theirs.url}/misp/feed/", "WATCHFIRE_MISP_KEY": theirs.key,
                "TAGPACK": str(pack), "SIGNING_KEY": str(key),
            },
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return type_in


def wallets(line):
    return {item["value"] for item in json.loads(line)["objects"] if item["type"] == "cryptocurrency-wallet"}


def status(node, address):
    with Client(node.url, node.key) as client:
        return client.check(address, "bitcoin")["status"]


def test_every_recipe_is_followed_here():
    assert set(RECIPES) == {"opencti", "taxii", "sentinel", "misp", "graphsense"}


def test_opencti(follow):
    collections, page = follow("opencti")
    assert "All" in {item["title"] for item in json.loads(collections)["collections"]}
    assert BTC in wallets(page)


def test_another_taxii_server(follow, nodes):
    follow("taxii")
    assert status(nodes[0], THEIRS) == "listed"


def test_sentinel(follow):
    (page,) = follow("sentinel")
    patterns = {item["pattern"] for item in json.loads(page)["objects"] if item["type"] == "indicator"}
    assert f"[cryptocurrency-wallet:value = '{BTC}']" in patterns


def test_misp(follow, nodes):
    manifest, *_ = follow("misp")
    assert json.loads(manifest)
    assert status(nodes[0], THEIRS) == "listed"


def test_graphsense(follow, nodes, tmp_path):
    follow("graphsense", nodes[0].partner_key)
    with (tmp_path / "watchfire.yaml").open("rb") as pack:
        assert BTC in {row.address for row in TagPack(pack)}
    assert status(nodes[0], THEIRS) == "listed"
