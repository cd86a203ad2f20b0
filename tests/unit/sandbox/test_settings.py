"""Configuration: every fault is named at once, no secret is ever shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.sandbox.settings import SettingsError, read_settings

GOOD: dict[str, object] = {
    "tls": {"certificate": "cert.pem", "key": "key.pem"},
    "data_dir": "data",
    "admin_token": "very-secret-admin",
    "gong": {
        "tenants": [
            {"workspace": "harborline", "access_key": "very-secret-key", "access_key_secret": "very-secret-secret"}
        ]
    },
    "models": {"openai_api_key": "very-secret-openai", "anthropic_api_key": "very-secret-anthropic"},
    "port": 9443,
}


def write(tmp_path: Path, content: dict[str, object]) -> Path:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_defaults_and_derived_addresses(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, GOOD))
    assert (settings.base_url, settings.issuer) == ("https://localhost:9443", "https://localhost:9443/clerk")
    assert (settings.gong.page_size, settings.gong.requests_per_second) == (100, 3.0)
    assert "very-secret" not in repr(settings)


def test_all_faults_are_listed_and_no_value_is(tmp_path: Path) -> None:
    bad = GOOD | {"port": "very-secret-port", "tls": {}, "surprise": 1, "admin_token": "short!!"}
    with pytest.raises(SettingsError) as fault:
        read_settings(write(tmp_path, bad))
    text = str(fault.value)
    assert all(field in text for field in ("port", "tls.certificate", "tls.key", "surprise", "admin_token"))
    assert "very-secret" not in text
    assert "short!!" not in text


@pytest.mark.parametrize(
    ("clerk", "words"),
    [
        ({"webhook_url": "http://localhost/hook", "webhook_secret": "whsec_" + "a" * 20}, "webhook_url"),
        ({"webhook_url": "https://localhost/hook"}, "webhook_secret"),
        ({"webhook_url": "https://localhost/hook", "webhook_secret": "plain-secret"}, "whsec_"),
    ],
)
def test_webhooks_need_tls_and_a_secret(tmp_path: Path, clerk: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(write(tmp_path, GOOD | {"clerk": clerk}))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--config"):
        read_settings(tmp_path / "absent.json")
