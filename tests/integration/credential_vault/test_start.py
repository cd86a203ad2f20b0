"""Without its keys the vault does not start."""

from __future__ import annotations

import json

import httpx
import pytest

from core.errors import MissingSettings, NotFound
from credential_vault.encryption.keyset import Keyset, KeyStatus
from credential_vault.main import compose
from credential_vault.settings import Settings
from integration.credential_vault.keys_bench import ACME, RIVAL, KeysBench
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


async def test_with_another_vaults_keyset_it_does_not_start(settings: Settings, bench: KeysBench) -> None:
    """Of the right form, and of no use: everything that is stored would be out of reach, and new things would be beside it."""
    await bench.fill()
    needed = bench.keyring.primary
    await bench.secrets.add_version("vault-keyset", Keyset.generate().text.encode())
    with pytest.raises(
        MissingSettings, match=f"lacks key {needed}, or has it disabled, and data keys need it: enable it"
    ):
        async with compose(settings):
            pass


async def test_with_a_keyset_that_only_looks_like_its_own_it_does_not_start(
    settings: Settings, bench: KeysBench
) -> None:
    await bench.fill()
    right, wrong = json.loads((await bench.secret.read()).text), json.loads(Keyset.generate().text)
    wrong["primaryKeyId"] = wrong["key"][0]["keyId"] = right["primaryKeyId"]
    await bench.secrets.add_version("vault-keyset", json.dumps(wrong).encode())
    with pytest.raises(MissingSettings, match="another one than key"):
        async with compose(settings):
            pass


async def test_with_a_disabled_key_that_is_needed_it_does_not_start(settings: Settings, bench: KeysBench) -> None:
    await bench.fill()
    old = bench.keyring.primary
    keyset = (await bench.rotation.rotate()).with_status(old, KeyStatus.DISABLED)
    await bench.secrets.add_version("vault-keyset", keyset.text.encode())
    with pytest.raises(MissingSettings, match=f"lacks key {old}, or has it disabled"):
        async with compose(settings):
            pass


async def test_one_damaged_data_key_does_not_stop_it(settings: Settings, bench: KeysBench) -> None:
    await bench.fill()
    await bench.fill(RIVAL)
    await bench.place.admin("UPDATE data_keys SET wrapped = 'damaged' WHERE workspace_id = $1", ACME)
    async with compose(settings):
        pass


async def test_a_keyset_in_the_clear_stops_it_where_kms_is_to_wrap_it(settings: Settings, bench: KeysBench) -> None:
    key = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    with pytest.raises(MissingSettings, match="lies in the clear although CALLMINE_VAULT_KMS_KEY is set"):
        async with compose(settings.model_copy(update={"vault_kms_key": key, "kms_endpoint": "localhost:1"})):
            pass


async def test_what_was_shredded_is_destroyed_again_before_it_serves(settings: Settings, bench: KeysBench) -> None:
    await bench.fill()
    row = await bench.data_key()
    async with bench.db.workspace(ACME) as tx:
        await bench.shredding.shred(tx)
    await bench.place.admin(
        "UPDATE data_keys SET wrapped = $1, key_id = $2, destroyed_at = NULL", row["wrapped"], row["key_id"]
    )
    async with compose(settings):
        assert (await bench.data_key())["wrapped"] is None


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
