"""Retention's own database, full of canaries: after the erasure none of the workspace's is left, and all of the neighbour's are there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from contracts.erasing import Order
from core.ids import WorkspaceId
from house.projects import ROOT
from integration.remains.canaries import Filled, fill, kept, let_anything_in
from integration.remains.test_databases import drop, verifier_url
from local.postgres import ServiceDsns
from messaging.erasure import store as tombstones
from remains.__main__ import look, told
from remains.needles import Needles
from retention.main import compose, own_rows
from retention.settings import Settings
from retention.store import erasures as store
from retention.store import person_requests, report_erasures
from testkit.outside import Outside
from testkit.postgres import NewDatabase
from testkit.services import Service, settings_for, started
from testkit.tables import same_database

MINE, THEIRS = WorkspaceId("org_mine"), WorkspaceId("org_theirs")
ORDER = Order(
    "0195520d-9d52-7000-8000-0000000000b2", datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC)
)


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    return await new_database("retention")


@pytest.fixture
async def admin(dsns: ServiceDsns, postgres_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(same_database(postgres_url, dsns))
    await let_anything_in(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def retention(dsns: ServiceDsns, outside: Outside) -> AsyncIterator[Service]:
    settings = settings_for(Settings, dsns, outside, storage_endpoint="https://localhost:1")
    async with compose(settings) as parts, started(parts, dsns) as service:
        yield service


async def test_nothing_is_left_of_the_one_and_everything_of_the_other(
    retention: Service, admin: asyncpg.Connection[asyncpg.Record], postgres_url: str
) -> None:
    mine, theirs = [await fill(admin, "retention", one, kept("retention")) for one in (MINE, THEIRS)]
    assert len(mine.going) > 40
    url = await verifier_url(admin, postgres_url, "verifier_fills", (ROOT / "deploy/remains/role.sql").read_text())
    before = Needles({"none": "nobody has put this anywhere"}, _all(mine, theirs))
    lines, full = told(await look([url], [], before), before)
    assert full, lines

    async with retention.parts.db.workspace(MINE) as tx:
        await tombstones.freeze(tx, ORDER)
    tombstone = await own_rows(retention.parts).as_far_as_possible(MINE)
    assert tombstone
    async with retention.parts.db.workspace(MINE) as tx:
        assert (await store.forget_people(tx), await report_erasures.end_with_workspace(tx)) == (1, 1)
        assert await person_requests.end_with_workspace(tx) == 1
    emptied = {"erasures", "report_erasures", "person_requests"}
    assert {*tombstone.rows, *emptied} == {place.partition(".")[0] for place in mine.going}
    after = Needles(mine.going, {**{f"mine {name}": one for name, one in mine.staying.items()}, **_all(theirs)})
    lines, clean = told(await look([url], [], after), after)
    await drop(admin, "verifier_fills")
    assert clean, lines


def _all(*filled: Filled) -> dict[str, str]:
    return {
        f"{number} {name}": one
        for number, each in enumerate(filled)
        for name, one in {**each.going, **each.staying}.items()
    }
