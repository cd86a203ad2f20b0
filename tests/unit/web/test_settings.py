"""Settings are complete and well-formed, or the service does not start and says everything that is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError

from core.errors import MissingSettings
from web import ServiceSettings, load_settings


class VaultSettings(ServiceSettings):
    """A service's own settings beside the shared ones."""

    keyset_name: str = Field(description="secret that holds the keyset")
    ages: list[int] = Field(default=[], description="a JSON list of numbers")


WHOLE = {
    "CALLMINE_PROJECT": "p",
    "CALLMINE_PORT": "8080",
    "CALLMINE_APP_DATABASE_URL": "postgresql://app:hunter2@/x",
    "CALLMINE_SWEEP_DATABASE_URL": "postgresql://sweep:hunter2@/x",
    "CALLMINE_BUCKET": "calls",
    "CALLMINE_CLERK_ISSUER": "https://clerk.example/",
    "CALLMINE_CLERK_JWKS_URL": "https://clerk.example/jwks",
    "CALLMINE_CLERK_AUTHORIZED_PARTIES": "https://a.example, https://b.example,",
    "CALLMINE_SIGN_IN_URL": "https://accounts.example/sign-in",
    "CALLMINE_PUBLIC_URL": "https://a.example",
    "CALLMINE_KEYSET_NAME": "vault-keyset",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CALLMINE_")]:
        monkeypatch.delenv(name)
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)


def test_a_whole_environment_gives_settings() -> None:
    settings = load_settings(VaultSettings, "credential-vault")
    assert settings.port == 8080
    assert settings.clerk_authorized_parties == ("https://a.example", "https://b.example")
    assert settings.clerk_issuer == "https://clerk.example"
    assert settings.app_database_url == SecretStr("postgresql://app:hunter2@/x")
    assert settings.owner_database_url is None
    assert settings.push_issuer == "https://accounts.google.com"
    assert settings.keyset_name == "vault-keyset"


def test_everything_that_is_missing_is_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WHOLE:
        monkeypatch.delenv(name)
    with pytest.raises(MissingSettings) as caught:
        load_settings(VaultSettings, "credential-vault")
    listed = {problem.split(" ")[0] for problem in caught.value.problems}
    assert listed == set(WHOLE)
    assert "credential-vault does not start" in str(caught.value)
    assert "CALLMINE_BUCKET is missing: the bucket calls and transcripts are kept in" in str(caught.value)


def test_an_empty_variable_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLMINE_BUCKET", "")
    monkeypatch.setenv("CALLMINE_CA_FILE", "")
    with pytest.raises(MissingSettings) as caught:
        load_settings(VaultSettings, "credential-vault")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CALLMINE_PORT", "hunter2"),
        ("CALLMINE_PORT", "70000"),
        ("CALLMINE_CLERK_ISSUER", "http://hunter2.example"),
        ("CALLMINE_SIGN_IN_URL", "hunter2"),
        ("CALLMINE_SIGN_IN_URL", "http://hunter2.example/sign-in"),
        ("CALLMINE_CLERK_SCRIPT_URL", "javascript:hunter2"),
        ("CALLMINE_PUBLIC_URL", "https://hunter2@a.example"),
        ("CALLMINE_CLERK_AUTHORIZED_PARTIES", " , "),
        ("CALLMINE_PUBLIC_URL", "http://hunter2.example"),
        ("CALLMINE_PUBLIC_URL", "https://a.example/hunter2"),
        ("CALLMINE_AGES", "[hunter2"),
        ("CALLMINE_TLS_CERT", "hunter2.pem"),
    ],
)
def test_what_is_malformed_is_named_without_its_value(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(MissingSettings) as caught:
        load_settings(VaultSettings, "credential-vault")
    assert [name in problem for problem in caught.value.problems] == [True]
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None, "the cause would show the value in a trace"


def test_settings_show_no_secret_and_cannot_be_changed() -> None:
    settings = load_settings(VaultSettings, "credential-vault")
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValidationError):
        setattr(settings, "bucket", "other")  # noqa: B010 - mypy knows already that it cannot be set


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000/", "https://app.example"])
def test_browsers_reach_loopback_by_http_and_everything_else_by_https(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLMINE_PUBLIC_URL", url)
    assert load_settings(VaultSettings, "credential-vault").public_url == url.rstrip("/")


def test_certificate_and_key_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLMINE_TLS_CERT", "cert.pem")
    monkeypatch.setenv("CALLMINE_TLS_KEY", "key.pem")
    assert load_settings(VaultSettings, "credential-vault").tls_key == Path("key.pem")
