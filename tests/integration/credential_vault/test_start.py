"""Without its keys the vault does not start."""

from __future__ import annotations

import httpx
import pytest

from core.errors import MissingSettings, NotFound
from credential_vault.main import compose
from credential_vault.settings import Settings
from integration.credential_vault.secret_place import SecretPlace
from testkit.outside import Outside
from testkit.services import PUSH_AUDIENCE, Service


async def test_without_a_keyset_it_does_not_start(settings: Settings) -> None:
    with pytest.raises(NotFound, match="secret vault-keyset does not exist"):
        async with compose(settings):
            pass


@pytest.mark.parametrize("keyset", [b"not a keyset", b"\xff\xfe", b"{}"])
async def test_with_a_wrong_keyset_it_does_not_start(
    settings: Settings, secret_place: SecretPlace, keyset: bytes
) -> None:
    await secret_place.put("vault-keyset", keyset)
    with pytest.raises(MissingSettings, match="vault-keyset") as caught:
        async with compose(settings):
            pass
    assert "not a keyset" not in str(caught.value)


async def test_all_sealing_keys_that_are_none_are_named(settings: Settings) -> None:
    changed = settings.model_copy(
        update={"ingest_sealing_public_key": "AAAA", "analysis_sealing_public_key": "not base64"}
    )
    with pytest.raises(MissingSettings) as caught:
        async with compose(changed):
            pass
    assert len(caught.value.problems) == 2
    assert "CALLMINE_INGEST_SEALING_PUBLIC_KEY" in str(caught.value)
    assert "CALLMINE_ANALYSIS_SEALING_PUBLIC_KEY" in str(caught.value)


@pytest.mark.parametrize("name", ["push_audience", "push_service_account"])
async def test_it_must_know_who_pushes(settings: Settings, vault: Service, name: str) -> None:
    vault.parts.settings = settings.model_copy(update={name: ""})
    with pytest.raises(MissingSettings, match=f"CALLMINE_{name.upper()} is missing"):
        vault.parts.app()


async def test_only_pubsub_may_push(vault: Service, outside: Outside) -> None:
    name = "credential-vault.credential-requests-ingest"
    body = {
        "message": {"data": "AAAA", "messageId": "1"},
        "subscription": f"projects/callmine-test/subscriptions/{name}",
    }

    async def push(client: httpx.AsyncClient, token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return (await client.post(f"/events/{name}", json=body, headers=headers)).status_code

    async with vault.program() as client:
        assert await push(client, outside.token()) == 401
        assert await push(client, outside.push_token("https://another.example")) == 401
        assert await push(client, outside.push_token(PUSH_AUDIENCE, "stranger@example.com")) == 403
        assert await push(client, outside.push_token(PUSH_AUDIENCE)) == 204
