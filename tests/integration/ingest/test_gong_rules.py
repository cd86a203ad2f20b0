"""`ingest gong-rules` on a real database, what it refuses, and what then comes in at the addresses that it opens and closes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from typer.testing import CliRunner
from unit.web.issuer import Issuer

from database import Database, Queries
from ingest import cli_gong
from ingest.domain.webhooks import Outcome, Reason, Sender
from ingest.settings import Settings
from integration.ingest import bodies, senders
from integration.ingest.harness import HARBOR, QUILL, Ingest
from integration.ingest.post import NOW, open_post
from integration.ingest.senders import ORIGIN, RULE_KEY, as_shown
from local.postgres import ServiceDsns
from messaging import Outbox
from testkit.outside import Outside
from testkit.postgres import NewDatabase, settings_of
from testkit.services import environment_for, settings_for
from testkit.tables import every_row, same_database

_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Commands:
    """The command line, told by its environment where the database is; nothing else that it is told of could be reached."""

    environment: dict[str, str]
    admin_url: str
    dsns: ServiceDsns

    async def process(self, *arguments: str | Path) -> Said:
        """`ingest gong-rules …` as an operator runs it."""
        command = [sys.executable, "-m", "ingest", "gong-rules", *map(str, arguments)]
        pipe = asyncio.subprocess.PIPE
        environment = {"PATH": os.environ["PATH"], **self.environment}
        child = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
        try:
            out, err = await asyncio.wait_for(child.communicate(), _SECONDS)
        except TimeoutError:
            child.kill()
            raise
        assert child.returncode is not None
        return Said(child.returncode, out.decode().strip(), err.decode())

    async def run(self, *arguments: str | Path) -> Said:
        """The same in a thread of this process, which has imported everything already."""
        invoke = CliRunner().invoke
        done = await asyncio.to_thread(invoke, cli_gong.app, [*map(str, arguments)], env=self.environment)
        return Said(done.exit_code, done.stdout.strip(), done.stderr)

    async def rows(self) -> dict[str, list[str]]:
        """The whole database."""
        return await every_row(self.admin_url, self.dsns)


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    return await new_database("ingest")


@pytest.fixture
async def ingest(dsns: ServiceDsns, postgres_url: str) -> AsyncIterator[Ingest]:
    """The service on the database that the commands use too; Clerk has told of two workspaces."""
    db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "ingest"), "ingest")
    made = Ingest(db, same_database(postgres_url, dsns), Outbox("ingest"))
    for workspace_id in (HARBOR, QUILL):
        await made.sql(
            "INSERT INTO workspaces (workspace_id, name, slug, source_updated_at) VALUES ($1, $1, $1, now())",
            workspace_id,
        )
    yield made
    await db.close()


@pytest.fixture
def commands(ingest: Ingest, dsns: ServiceDsns, postgres_url: str, outside: Outside) -> Commands:
    del ingest
    return Commands(environment_for(settings_for(Settings, dsns, outside, webhooks_url=ORIGIN)), postgres_url, dsns)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private(form: PrivateFormat) -> bytes:
    return RULE_KEY.private_bytes(Encoding.PEM, form, NoEncryption())


async def test_an_address_is_opened_takes_webhooks_and_is_closed(
    commands: Commands, ingest: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "key.txt").write_text(f"  {as_shown(RULE_KEY)}\n")
    opened = await commands.process("add", HARBOR, tmp_path / "key.txt")
    assert opened.status == 0, opened.err
    prefix, _, endpoint = opened.out.rpartition("/")
    assert (prefix, len(endpoint)) == (f"{ORIGIN}/webhooks/gong", 32)
    listed = await commands.process("list", HARBOR, "--json")
    assert [line["address"] for line in json.loads(listed.out)] == [opened.out]
    letter = replace(senders.gong(bodies.call(), NOW, url=opened.out), path=f"/webhooks/gong/{endpoint}")
    async with open_post(ingest, Issuer()) as post:
        assert (await post.send(letter)).status_code == 200
        closed = await commands.process("close", HARBOR, opened.out)
        assert (closed.status, closed.out) == (0, "")
        assert (await post.send(letter)).status_code == 401
        assert post.counts() == {(Sender.GONG, Outcome.TAKEN): 1, (Sender.GONG, Reason.UNKNOWN_ADDRESS): 1}
    assert (await commands.run("list", HARBOR)).out == "No address is open."


@pytest.mark.parametrize("content", [as_shown(RULE_KEY).encode(), pem(RULE_KEY), pem(RULE_KEY).replace(b"\n", b"\r\n")])
async def test_a_key_is_taken_as_gong_shows_it_and_in_armour(
    commands: Commands, ingest: Ingest, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "key").write_bytes(content)
    assert (await commands.run("add", HARBOR, tmp_path / "key")).status == 0
    [row] = await ingest.sql("SELECT workspace_id, public_key FROM gong_rules")
    assert tuple(row) == (HARBOR, as_shown(RULE_KEY))


async def test_two_addresses_overlap_while_one_takes_the_others_place(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(pem(RULE_KEY))
    first, second = [(await commands.run("add", HARBOR, tmp_path / "key")).out for _ in range(2)]
    listed = (await commands.run("list", HARBOR)).out.splitlines()
    assert [line.split()[1] for line in listed] == [first, second]
    # The last part is enough.
    assert (await commands.run("close", HARBOR, first.rpartition("/")[2])).status == 0
    assert [line.split()[1] for line in (await commands.run("list", HARBOR)).out.splitlines()] == [second]


def _bare(content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "key").write_bytes(content)
        return folder / "key"

    return write


_NO_KEY = "the key is not a public key in base64: copy it from the rule in Gong"
_NOT_RSA = "the key is not an RSA key of at least 2048 bits: copy it from the rule in Gong"
_PRIVATE = "the file holds a private key, which nobody but Gong should have: give the rule's public key"
_PUBLIC = pem(RULE_KEY)
_SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it is to be refused

BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "nothing", "cannot be read (FileNotFoundError)"),
    "a directory": (lambda folder: folder, "cannot be read (IsADirectoryError)"),
    "empty": (_bare(b""), _NO_KEY),
    "not PEM": (_bare(b"the key that Gong showed"), _NO_KEY),
    "bytes": (_bare(bytes(range(256))), _NO_KEY),
    "cut short": (_bare(_PUBLIC[:200]), _NO_KEY),
    "two keys": (_bare(_PUBLIC * 2), _NO_KEY),
    "too long": (_bare(as_shown(RULE_KEY).encode() + b"\n" * 20_000), _NO_KEY),
    "private, PKCS #8": (_bare(private(PrivateFormat.PKCS8)), _PRIVATE),
    "private, PKCS #1": (_bare(private(PrivateFormat.TraditionalOpenSSL)), _PRIVATE),
    "private after a public one": (_bare(_PUBLIC + private(PrivateFormat.PKCS8)), _PRIVATE),
    "elliptic curve": (_bare(pem(ec.generate_private_key(ec.SECP256R1()))), _NOT_RSA),
    "RSA of 1024 bits": (_bare(pem(_SMALL)), _NOT_RSA),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_file_without_a_good_key_is_refused_and_nothing_is_written(
    commands: Commands, tmp_path: Path, name: str
) -> None:
    make, reason = BAD[name]
    path = make(tmp_path)
    before = await commands.rows()
    said = await commands.run("add", HARBOR, path)
    assert (said.status, said.out) == (1, "")
    assert reason in said.err
    assert await commands.rows() == before
    shown = path.read_bytes().decode("latin-1").split("\n") if path.is_file() else []
    assert not [line for line in shown if len(line) > 8 and line in said.err]


async def test_a_workspace_that_nobody_knows_is_refused(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(_PUBLIC)
    before = await commands.rows()
    for workspace, reason in (
        ("org_nobody01", "no such workspace is known here: `ingest workspaces list` shows all"),
        ("harborline", "expected a Clerk organisation id"),
        ("org_x'; --", "expected a Clerk organisation id"),
    ):
        for arguments in (("add", workspace, tmp_path / "key"), ("list", workspace), ("close", workspace, "a" * 32)):
            said = await commands.run(*arguments)
            assert (said.status, said.out) == (1, "")
            assert reason in said.err
    assert await commands.rows() == before


async def test_an_address_that_is_not_the_workspaces_is_not_closed(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(_PUBLIC)
    opened = (await commands.run("add", HARBOR, tmp_path / "key")).out
    before = await commands.rows()
    for workspace, address in ((QUILL, opened), (HARBOR, f"{ORIGIN}/webhooks/gong/{'c' * 32}"), (HARBOR, "")):
        said = await commands.run("close", workspace, address)
        assert said.status == 1
        assert "`ingest gong-rules list` shows those it has" in said.err
    assert await commands.rows() == before
    assert (await commands.run("list", QUILL)).out == "No address is open."


async def test_without_its_database_it_says_so(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(_PUBLIC)
    nowhere = "postgresql://ingest_app:not-the-password@127.0.0.1:1/ingest"
    gone = Commands({**commands.environment, "CALLMINE_APP_DATABASE_URL": nowhere}, commands.admin_url, commands.dsns)
    said = await gone.run("add", HARBOR, tmp_path / "key")
    assert said.status == 1
    assert "the database is not available" in said.err
    assert "not-the-password" not in said.err + said.out
