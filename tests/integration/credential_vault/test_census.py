"""The census: whatever still needs a key is counted, wherever it lies."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from callmine.credentials.v1.credentials_pb2 import CredentialGranted
from callmine.integrations.v1.integrations_pb2 import Provider as WireProvider
from contracts import Event, attributes_of, pack
from credential_vault.encryption.census import Uses, census, sealing_census
from credential_vault.encryption.keyset import beginning_of
from credential_vault.store import keys as store
from integration.credential_vault.keys_bench import ACME, RIVAL, KeysBench


async def counted(bench: KeysBench) -> dict[int, Uses]:
    return await census(bench.db, (await bench.secret.read()).statuses)


async def message(bench: KeysBench, table: str, body: bytes, state: str = "parked") -> None:
    if table == "outbox":
        await bench.place.admin(
            "INSERT INTO outbox (workspace_id, event_id, topic, ordering_key, body, attributes)"
            " VALUES ($1, gen_random_uuid(), 'x', 'x', $2, '{}')",
            ACME,
            body,
        )
        return
    await bench.place.admin(
        "INSERT INTO parked (direction, workspace_id, source, event_id, type, reason, body, attributes, ordering_key, state)"
        " VALUES ('in', $1, 'x', gen_random_uuid()::text, 'x', 'x', $2, '{}', 'x', $3)",
        ACME,
        body,
        state,
    )


async def test_data_keys_and_their_fields_are_counted_by_key(bench: KeysBench) -> None:
    first = bench.keyring.primary
    assert await counted(bench) == {first: Uses()}
    assert (await counted(bench))[first].none
    fields = len(await bench.fill())
    await bench.fill(RIVAL)
    assert await counted(bench) == {first: Uses(2, 2 * fields)}
    second = (await bench.rotation.rotate()).primary
    assert await counted(bench) == {first: Uses(2, 2 * fields), second: Uses()}
    run = await bench.rewrapped()
    assert await counted(bench) == {first: Uses(), second: Uses(2, 2 * fields)}
    assert run._fields == 2 * fields


async def test_a_destroyed_data_key_needs_no_key(bench: KeysBench) -> None:
    await bench.fill()
    async with bench.db.workspace(ACME) as tx:
        await bench.shredding.shred(tx)
    assert await counted(bench) == {bench.keyring.primary: Uses()}


async def test_messages_that_wait_or_are_parked_are_counted(bench: KeysBench) -> None:
    first = bench.keyring.primary
    ciphertext = b"before " + bench.keyring._primary.encrypt(b"text", b"") + b" after"
    await message(bench, "outbox", ciphertext)
    await message(bench, "parked", ciphertext)
    await message(bench, "parked", ciphertext, "replayed")
    await message(bench, "parked", b"nothing of it" + beginning_of(1)[:-1])
    assert await counted(bench) == {first: Uses(parked=2)}


async def test_backups_count_until_they_expire_and_unknown_keys_are_shown(bench: KeysBench) -> None:
    await bench.fill()
    first = bench.keyring.primary
    backup = await store.backup_taken(bench.db, datetime.now(UTC) + timedelta(days=3), first)
    assert backup.key_ids == (first,)
    await bench.place.admin(
        "INSERT INTO backups (id, taken_at, expires_at, key_ids) VALUES ($1, now() - interval '9 days', now() - interval '1 day',"
        " ARRAY[$2::bigint])",
        uuid.uuid4(),
        first,
    )
    assert (await counted(bench))[first].backups == 1
    assert await census(bench.db, {77}) == {first: Uses(1, 7, 0, 1), 77: Uses()}


async def test_a_backup_keeps_its_key_from_being_disabled(bench: KeysBench) -> None:
    first = bench.keyring.primary
    await store.backup_taken(bench.db, datetime.now(UTC) + timedelta(days=3), first)
    second = (await bench.rotation.rotate()).primary
    assert (await counted(bench))[first] == Uses(backups=1)
    # The backup may have begun before the rotation and ended after it.
    assert (await counted(bench))[second] == Uses(backups=1)
    await bench.place.admin(
        "UPDATE backups SET taken_at = now() - interval '9 days', expires_at = now() - interval '1 day'"
    )
    await bench.rotation.disable(first)


async def test_sealed_credentials_are_counted_by_the_key_they_are_sealed_to(bench: KeysBench) -> None:
    until = Timestamp()
    until.FromDatetime(datetime.now(UTC))
    for table, key in (("outbox", "one"), ("parked", "one"), ("parked", "other")):
        payload = CredentialGranted(
            grant_id=str(uuid.uuid4()),
            provider=WireProvider.PROVIDER_GONG,
            sealed=b"x" * 40,
            sealing_key_id=key,
            expires_at=until,
            credential_version=1,
        )
        event = Event(
            workspace_id=ACME, payload=payload, producer="credential-vault", aggregate_id=payload.grant_id, sequence=1
        )
        body, attributes = pack(event), attributes_of(event)
        await message(bench, table, body)
        await bench.place.admin(f"UPDATE {table} SET attributes = $1 WHERE body = $2", json.dumps(attributes), body)
    await bench.place.admin("UPDATE parked SET type = 'callmine.credentials.v1.CredentialGranted'")
    await message(bench, "parked", b"unreadable")
    await bench.place.admin("UPDATE parked SET type = 'callmine.credentials.v1.CredentialGranted'")
    assert dict(await sealing_census(bench.db)) == {"one": 2, "other": 1, "": 1}
