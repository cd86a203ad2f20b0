"""What is public of the logs, and what only a workspace's admins get; what they get verifies."""

from __future__ import annotations

import httpx
import pytest

from audit.log.note import Checkpoint, Keyring, Verifier, opened
from audit.log.sealing import Sealer, SealerSettings
from audit.log.tree import fold, node_hash, split
from audit.verify import callmine_verify as verifier
from integration.audit.actions import MINE, THEIRS, action
from local.sandbox.clerk.people import QUILLSTONE
from testkit.messages import deliver
from testkit.outside import LOG_KEY, MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service

EXPORT, OWN = "/api/v1/audit/log/export", "/api/v1/audit/log/checkpoint"


async def filled(audit: Service, entries: int = 9) -> None:
    """Entries of two workspaces, sealed as the service does in the background."""
    await deliver(
        audit.consumer("audit"), *(action(number) for number in range(entries)), action(1, workspace_id=THEIRS)
    )
    await Sealer(audit.parts.db, Keyring.parse(LOG_KEY), SealerSettings("callmine.ai/audit")).drain()


async def test_the_export_verifies_with_the_file_and_the_keys_that_are_handed_out(
    audit: Service, outside: Outside
) -> None:
    await filled(audit)
    async with audit.program() as anybody, audit.program(outside.token()) as admin:
        key = (await anybody.get("/audit/log/keys")).text
        program = (await anybody.get("/audit/log/callmine_verify.py")).text
        export = await admin.get(EXPORT)
        own = await admin.get(OWN)
    assert export.status_code == 200
    assert "attachment" in export.headers["content-disposition"]
    space: dict[str, object] = {"__name__": "handed_out"}
    exec(compile(program, "callmine_verify.py", "exec"), space)  # noqa: S102 - what a customer does with it
    report = verifier.check(export.text.split("\n")[:-1], [verifier.read_key(key)])
    assert report.findings == []
    assert report.checkpoint is not None
    assert (report.checkpoint.size, report.checkpoint.note) == (9, own.text)
    assert callable(space["main"])


async def test_the_global_head_and_its_tiles_are_public_and_fit(audit: Service) -> None:
    async with audit.program() as anybody:
        assert (await anybody.get("/audit/log/checkpoint")).status_code == 404
        await filled(audit)
        key = Verifier.parse((await anybody.get("/audit/log/keys")).text)
        head = Checkpoint.parse(opened((await anybody.get("/audit/log/checkpoint")).text, [key]))
        tile = await anybody.get("/audit/log/tile/0/000.p/2")
    assert (head.origin, head.size) == ("callmine.ai/audit/global", 2)
    one, two = split(tile.content)
    assert head.root == node_hash(one, two) == fold([head.root])
    for text in (MINE, THEIRS):
        assert text not in head.body


@pytest.mark.parametrize(
    "path", ["0/000", "0/000.p/3", "0/001", "1/000.p/1", "9/000", "0/0", "0/x", "0/000.p/257", "0/000.p/0", "-1/000"]
)
async def test_a_tile_that_is_not_there_is_404(audit: Service, path: str) -> None:
    await filled(audit)
    async with audit.program() as anybody:
        assert (await anybody.get(f"/audit/log/tile/{path}")).status_code == 404


async def test_a_workspaces_log_is_its_admins_only(audit: Service, outside: Outside) -> None:
    await filled(audit)

    async def status(client: httpx.AsyncClient, path: str) -> int:
        return (await client.get(path)).status_code

    for path in (EXPORT, OWN):
        async with audit.program() as nobody, audit.program(outside.token(MEMBER)) as member:
            assert await status(nobody, path) == 401
            assert await status(member, path) == 403
        async with audit.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as theirs:
            text = (await theirs.get(path)).text
            assert THEIRS in text
            assert MINE not in text


async def test_an_empty_log_is_404_and_says_so(audit: Service, outside: Outside) -> None:
    async with audit.program(outside.token()) as admin:
        for path in (EXPORT, OWN):
            answer = await admin.get(path)
            assert answer.status_code == 404
            assert "nothing of this workspace has been sealed yet" in answer.text
