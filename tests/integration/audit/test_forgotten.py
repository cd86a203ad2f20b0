"""A person who was erased is found by nothing any more: not by words, names or ids, not in a file, not in a row; nor by what comes late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from audit.domain import Position
from audit.log import erasure
from audit.log.keys import Salts
from audit.store import reading
from callmine.audit.v1.audit_pb2 import AdminAction
from contracts import Actor, ActorKind, Event, Source
from integration.audit.actions import HELEN, MINE, THEIRS, action
from integration.audit.logs import Logs
from integration.audit.test_filters import API, KINDS
from testkit.messages import deliver
from testkit.outside import Outside
from testkit.services import Service
from testkit.tables import every_row

ZORA = Actor(ActorKind.USER, "user_zora", "zora.quill@harborline.example", Source.WEB)
TOLD = ("user_zora", "zora", "quill")
ASKED = (
    {"text": "zora"},
    {"text": "quill member"},
    {"actor": ZORA.id},
    {"actor": ZORA.email},
    {"target": ZORA.id},
    {"target": ZORA.email},
)
LATER = datetime.now(UTC) + timedelta(days=1)


def joined(number: int, at: datetime | None = None) -> Event[AdminAction]:
    """Helen makes Zora a member."""
    diff = {"email": (None, ZORA.email), "role": (None, "member")}
    added = KINDS["member.added"]
    return action(number, added, diff=diff, target_kind="member", target_id=ZORA.id, actor=HELEN, at=at)


def acted(number: int, at: datetime | None = None) -> Event[AdminAction]:
    """Zora does something to what is nobody's."""
    return action(number, actor=ZORA, diff={"name": ("Weekly", f"Monthly {number}")}, at=at)


async def told(client: httpx.AsyncClient, page: httpx.AsyncClient) -> str:
    """All that the log answers with, on its page to whoever looks for nothing in particular, elsewhere to whoever looks for her as well."""
    texts = [(await page.get("/audit")).text]
    for params in ({}, *ASKED):
        texts.append((await client.get(API, params=params)).text)
        for kind in ("csv", "jsonl", "proof"):
            answer = await client.get(f"{API}/export", params={**params, "format": kind})
            assert answer.status_code == 200
            # A proof says what was asked for.
            texts += [line for line in answer.text.splitlines() if '"filters"' not in line]
    return "\n".join(texts)


async def found(client: httpx.AsyncClient) -> list[int]:
    """How many entries each question finds."""
    return [len((await client.get(API, params=params)).json()["entries"]) for params in ASKED]


async def rows_with_her(postgres_url: str, audit: Service) -> list[str]:
    """Tables with a row that says anything of her in the workspace."""
    rows = await every_row(postgres_url, audit.dsns)
    hers = {table: [row for row in some if str(MINE) in str(row)] for table, some in rows.items()}
    return [table for table, some in hers.items() if any(word in str(row) for word in TOLD for row in some)]


async def test_an_erased_person_is_found_by_nothing(audit: Service, outside: Outside, postgres_url: str) -> None:
    events = [joined(1), acted(2), acted(3), action(4, diff={"name": ("Weekly", "member list")})]
    await deliver(audit.consumer("audit"), *events, action(5, workspace_id=THEIRS, actor=ZORA))
    logs = Logs(audit.parts.db)
    await logs.sealer.drain()
    async with audit.program(outside.token()) as client, audit.browser(outside.token()) as page:
        assert await found(client) == [1, 1, 2, 2, 1, 1]
        before = await told(client, page)
        assert all(word in before for word in TOLD)
        assert {"entries", "word_entries", "entry_names", "log_keys"} <= set(await rows_with_her(postgres_url, audit))

        await erasure.erase(logs.db, logs.sealer.drain, MINE, "SUP-7", ZORA.id)

        assert await found(client) == [0] * 6
        after = await told(client, page)
        assert [word for word in TOLD if word in after] == []
        assert len((await client.get(f"{API}/export", params={"format": "jsonl"})).text.splitlines()) == 4
        assert await rows_with_her(postgres_url, audit) == []
        # The words of what others did, and of what is nobody's, are found as before.
        assert len((await client.get(API, params={"text": "member list"})).json()["entries"]) == 1
        assert len((await client.get(API, params={"text": "weekly"})).json()["entries"]) == 3
    report = await logs.check(MINE)
    assert report.findings == []
    assert len(report.erased) == 1


async def test_what_is_delivered_again_brings_nothing_back(audit: Service, postgres_url: str) -> None:
    events = [joined(1), acted(2), acted(3)]
    await deliver(audit.consumer("audit"), *events)
    logs = Logs(audit.parts.db)
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "SUP-7", ZORA.id)
    settled = await every_row(postgres_url, audit.dsns)
    for _ in range(2):
        await deliver(audit.consumer("audit"), *events)
    assert await every_row(postgres_url, audit.dsns) == settled
    assert await rows_with_her(postgres_url, audit) == []


async def test_what_happened_before_and_arrives_later_says_nothing_of_her(audit: Service, postgres_url: str) -> None:
    """Also beside what she does later, which is recorded like anybody's; and by a process that remembers her key."""
    logs = Logs(audit.parts.db, Salts())
    await deliver(audit.consumer("audit"), joined(1), acted(2))
    await logs.sealer.drain()
    await deliver(audit.consumer("audit"), acted(3))
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "SUP-7", ZORA.id)
    for number, later in ((10, []), (20, [acted(90, LATER), joined(91, LATER)]), (30, [])):
        await deliver(audit.consumer("audit"), joined(number), acted(number + 1), *later)
        await logs.sealer.drain()
        assert (await logs.check(MINE)).findings == []
    async with audit.parts.db.workspace(MINE) as tx:
        entries = (await reading.page(tx, Position(), 50)).entries
    hers = [one for one in entries if ZORA.id in (one.actor_id, one.target_id)]
    assert {one.occurred_at for one in hers} == {LATER}
    assert len(hers) == 2
    # Who was emptied of the others: what was done to her, and who did what she did; what she did it to stays.
    assert sum(one.target_id == "" and not one.diff for one in entries) == 4
    assert sum(one.actor_id == "" and bool(one.diff) for one in entries) == 5
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "SUP-8", ZORA.id)
    assert await rows_with_her(postgres_url, audit) == []
    assert (await logs.check(MINE)).findings == []
