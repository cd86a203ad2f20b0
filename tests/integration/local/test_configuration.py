"""What the local stack tells the sandbox: applications registered with each provider, and keys that stay the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.front_door import SANDBOX_PAGES, PathMap
from local.sandbox.settings import read_settings
from local.stack.configuration import write_configuration
from local.stack.environment import Site
from local.stack.keys import OAUTH_PROVIDERS, Keys
from local.stack.ports import Ports
from local.tls import Authority
from messaging.topology import Topology

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A place of its own for one stack."""
    return Site(
        ROOT,
        Ports.choose(tmp_path / "ports.json", fixed=False),
        Keys.kept(tmp_path / "keys.json"),
        Authority.open(tmp_path / "tls"),
        Topology.load(ROOT / "deploy" / "topology.yaml"),
    )


def test_the_sandbox_knows_callmine_as_a_client_of_every_provider(site: Site, tmp_path: Path) -> None:
    write_configuration(tmp_path, site, None, None, tapped=False)
    oauth = read_settings(tmp_path / "sandbox.json").oauth
    assert oauth.keep
    for name in OAUTH_PROVIDERS:
        (client,) = getattr(oauth, name).clients
        assert client.redirect_uris == (f"{site.url}/oauth/{name}/callback",)
        assert client.client_id == site.keys.oauth[name]["client_id"]
        assert client.client_secret.get_secret_value() == site.keys.oauth[name]["client_secret"]
    assert (tmp_path / "sandbox.json").stat().st_mode & 0o077 == 0


def test_keys_are_the_same_at_every_start(tmp_path: Path) -> None:
    first, second = Keys.kept(tmp_path / "keys.json"), Keys.kept(tmp_path / "keys.json")
    assert first == second
    assert len({keys["client_secret"] for keys in first.oauth.values()}) == len(OAUTH_PROVIDERS)


def test_keys_of_an_earlier_release_gain_the_new_ones_for_good(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = Keys.kept(path)
    old = json.loads(path.read_text("utf-8"))
    del old["oauth"]
    path.write_text(json.dumps(old), "utf-8")
    after = Keys.kept(path)
    assert after.sealing == before.sealing
    assert after.oauth == Keys.kept(path).oauth != before.oauth
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("/sandbox/gong/oauth2/authorize", True),
        ("/sandbox/hubspot/oauth/authorize/sheet.css", True),
        ("/sandbox/slack/oauth/v2/authorize", True),
        ("/sandbox/slack/messages", True),
        ("/sandbox/gong/oauth2/generate-customer-token", False),
        ("/sandbox/hubspot/oauth/2026-03/token", False),
        ("/sandbox/slack/api/oauth.v2.access", False),
        ("/sandbox/_oauth", False),
    ],
)
def test_a_browser_reaches_the_consent_pages_and_no_token(path: str, *, reached: bool) -> None:
    pages = dict.fromkeys(SANDBOX_PAGES, "sandbox")
    paths = PathMap.of({"prefixes": {}, "default": "analysis"}, {"analysis": "service"}, pages)
    assert paths.upstream(path) == ("sandbox" if reached else "service")
