"""Starts and stops everything, in order."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml

from cloud.engine import keep_engine
from contracts.registry import REQUESTERS, SERVICES
from database import MigrationSettings, migrate
from local.postgres import EmbeddedPostgres, ServiceDsns, provision
from local.stack import secrets
from local.stack.configuration import TRAFFIC, secrets_folder, write_configuration
from local.stack.environment import PROJECT, Site, variables
from local.stack.instances import ROOT, Code, Instance
from local.stack.keys import Keys
from local.stack.ports import Ports
from local.stack.processes import Process
from local.tls import Authority
from local.traffic import direct
from messaging.google import ensure, open_channel
from messaging.topology import Topology

# On two busy cores nine Python processes import Google's clients at once: about 15 s; four times that is a failure.
_READY_SECONDS = 90.0

# For services that are granted credentials, and the front door, through which they come in: what is freed is overwritten. Python's own
# allocator leaves it as it was, and so does glibc's cache per thread (glibc manual, "Memory Allocation Tunables"). Costs up to 1.8 times as
# long where a program does nothing but allocate.
FORGETS = {"PYTHONMALLOC": "malloc", "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"}

# Says that all is ready for the services, to those that wait for it outside.
PREPARED = "prepared"
# The topology with Google's emulator: it signs no tokens, so nothing can be pushed that a service would take.
PULLED = "topology.yaml"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StackSettings:
    """`directory` keeps everything; `fixed_ports` for people, free ones for tests; `admin_url` is a PostgreSQL to use instead of the
    embedded one; `services` are those that run, for measurements of a few; `calls_file` replaces the sandbox's calls; `faults` is the
    broker's fault table; `extra` are further variables by service (without the prefix CALLMINE_); `tapped` lets the administrator record
    all messages; `capture` is a folder for the statements that the services run.

    `code` is the version of the services and of their schemas; all else is always of this one.

    `emulator` is the `host:port` of Google's Pub/Sub emulator, which is then used instead of the embedded broker: the services run
    elsewhere (docker-compose.yml), and are only prepared for and waited for here."""

    directory: Path
    fixed_ports: bool = False
    admin_url: str | None = None
    services: Sequence[str] = SERVICES
    calls_file: Path | None = None
    faults: Mapping[str, object] | None = None
    extra: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tell: Tell = lambda _: None
    tapped: bool = False
    capture: Path | None = None
    emulator: str = ""
    code: Code = field(default_factory=Code.here)


@dataclass(slots=True)
class Stack:
    """Everything, running."""

    settings: StackSettings
    site: Site
    processes: dict[str, Process]
    dsns: dict[str, ServiceDsns]
    admin_dsn: str
    _client: httpx.AsyncClient
    instances: dict[str, list[Instance]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @classmethod
    @asynccontextmanager
    async def start(cls, settings: StackSettings) -> AsyncIterator[Stack]:
        """Start everything; stop everything, in the opposite order, at the end of the block."""
        keep_engine()
        directory = settings.directory
        directory.mkdir(parents=True, exist_ok=True)
        site = Site(
            ROOT,
            Ports.choose(directory / "ports.json", fixed=settings.fixed_ports),
            Keys.kept(directory / "keys.json"),
            Authority.open(directory / "tls"),
            _topology(settings),
        )
        async with AsyncExitStack() as closing:
            settings.tell("PostgreSQL")
            admin = settings.admin_url or await _embedded(directory, closing)
            client = await closing.enter_async_context(_client(site))
            stack = cls(settings, site, {}, {}, admin, client)
            closing.push_async_callback(stack._stop_all)
            await stack._start_all()
            yield stack

    @property
    def url(self) -> str:
        """What a person opens."""
        return self.site.url

    @property
    def client(self) -> httpx.AsyncClient:
        """A client that trusts this stack's authority."""
        return self._client

    async def restart(self, service: str) -> None:
        """Start a service again after it was killed or stopped, and wait until it is ready."""
        await self.processes[service].start()
        await self.ready(service)

    async def ready(self, service: str) -> None:
        """Return when a service's newest instance says that it is ready. Raises ProcessFailed or TimeoutError."""
        running = self.instances.get(service)
        url = running[-1].url if running else self.site.service_url(service)
        await self.answers(self.processes.get(service), f"{url}/readyz")

    async def start_beside(self, service: str, code: Code) -> Instance:
        """Start an instance beside those that run, and wait until it is ready; it gets no requests yet, but messages as they come.

        Raises ProcessFailed or TimeoutError when it does not become ready; then it is gone again.
        """
        instance = self.prepared(service, code)
        await instance.process.start()
        try:
            await self.answers(instance.process, f"{instance.url}/readyz")
        except BaseException:
            await self.remove(instance)
            raise
        return instance

    def prepared(self, service: str, code: Code) -> Instance:
        """An instance that is still to be started, and is stopped with the stack."""
        instance = self._instance(f"{service}.{next(self._numbers)}", service, code)
        self.processes[instance.process.name] = instance.process
        return instance

    def direct(self, service: str, instances: Sequence[Instance]) -> None:
        """From now on these get the requests to a service, in turns."""
        self.instances[service] = list(instances)
        self._rename(service, instances[-1].process)
        ports = {self.site.ports[name]: [one.port for one in running] for name, running in self.instances.items()}
        direct(self.settings.directory / TRAFFIC, ports)

    async def remove(self, instance: Instance) -> int | None:
        """Tell an instance to finish what it is at, and wait for its end; its exit status, negative where it had to be killed."""
        await instance.process.stop()
        if self.processes.get(instance.service) is not instance.process:
            del self.processes[instance.process.name]
        return instance.process.status

    def _rename(self, service: str, newest: Process) -> None:
        """The newest instance's process is called as its service is; an earlier one that still runs is numbered."""
        before = self.processes.get(service)
        if before is not None and before is not newest:
            before.name = f"{service}.{next(self._numbers)}"
            self.processes[before.name] = before
        if newest.name != service:
            del self.processes[newest.name]
        newest.name = service
        self.processes[service] = newest

    def _instance(self, name: str, service: str, code: Code) -> Instance:
        log = self.settings.directory / "logs" / f"{service}.log"
        return Instance.of(name, service, code, self.service_environment(service), log)

    async def _start_all(self) -> None:
        tell = self.settings.tell
        settings = self.settings
        (settings.directory / PREPARED).unlink(missing_ok=True)
        write_configuration(
            settings.directory,
            self.site,
            settings.calls_file,
            settings.faults,
            tapped=settings.tapped,
            from_outside=bool(settings.emulator),
        )
        tell("Pub/Sub, object storage, Secret Manager")
        await asyncio.gather(*(self._launch(name, arguments) for name, arguments in self._stand_ins().items()))
        tell("databases")
        await asyncio.gather(self._stand_ins_ready(), self._databases())
        await secrets.fill(self.site)
        await self._topics()
        tell("services, sandbox, front door")
        for service in settings.services:
            self.service_environment(service)
            if not settings.emulator:
                instance = self._instance(service, service, settings.code)
                self.direct(service, [instance])
                await instance.process.start()
        (settings.directory / PREPARED).touch()
        front_door = ["-m", "local.front_door", "--config", self._path("front-door.json")]
        await self._launch("front-door", front_door, self._base_environment() | FORGETS)
        # Last, so that its first webhooks find ingest listening, or nearly so.
        await self._launch("sandbox", ["-m", "local.sandbox", "--config", self._path("sandbox.json")])
        await asyncio.gather(*(self.ready(service) for service in settings.services))
        await self.answers(self.processes["sandbox"], f"{self.site.sandbox_url}/_ready")
        await self._listens("front-door", self.site.ports["front-door"])

    def _stand_ins(self) -> dict[str, list[str]]:
        certificate = self.site.authority.server("stand-ins")
        if self.settings.emulator:
            broker = ["-m", "local.tls", "--port", str(self.site.ports["broker"]), "--to", self.settings.emulator]
            broker += ["--certificate", str(certificate.chain), "--key", str(certificate.key)]
            return {"broker": broker, "cloud": ["-m", "local.cloud", "--config", self._path("cloud.json")]}
        broker = ["-m", "local.broker", "--dir", self._path("broker"), "--port", str(self.site.ports["broker"])]
        broker += ["--certificate", str(certificate.chain), "--key", str(certificate.key)]
        broker += ["--ca", str(self.site.authority.ca_file), "--policy", self._path("broker-policy.json")]
        broker += ["--faults", self._path("broker-faults.json")]
        return {"broker": broker, "cloud": ["-m", "local.cloud", "--config", self._path("cloud.json")]}

    async def _stand_ins_ready(self) -> None:
        await asyncio.gather(
            self._listens("broker", self.site.ports["broker"]),
            self._listens("cloud", self.site.ports["secrets"]),
        )

    async def _databases(self) -> None:
        """Create and migrate all databases, as `<service> migrate` does, but without five more processes."""
        for service in self.settings.services:
            passwords = self.site.keys.database_passwords(service)
            self.dsns[service] = await provision(self.admin_dsn, service, passwords)
            folders = self.settings.code.migrations(service)
            await asyncio.to_thread(migrate, MigrationSettings(self.dsns[service].owner, folders))

    async def _topics(self) -> None:
        site = self.site
        channel = open_channel(f"127.0.0.1:{site.ports['broker']}", site.authority.ca_pem, site.keys.admin_token)
        try:
            await ensure(site.topology, channel, PROJECT, {name: site.service_url(name) for name in SERVICES})
        finally:
            await channel.close()

    def service_environment(self, service: str) -> dict[str, str]:
        """The whole environment of a service's process."""
        given = variables(self.site, service, self.dsns[service]) | dict(self.settings.extra.get(service, {}))
        if self.settings.emulator:
            given["topology_file"] = self._path(PULLED)
        else:
            given.setdefault("secrets_folder", str(secrets_folder(self.settings.directory, service)))
        if self.settings.capture is not None:
            given["statement_capture_dir"] = str(self.settings.capture.resolve())
        environment = {f"CALLMINE_{name.upper()}": value for name, value in given.items()}
        kept = self.settings.directory / "environment" / f"{service}.json"
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(environment))
        forgets = FORGETS if service in REQUESTERS else {}
        return self._base_environment() | forgets | environment

    async def _launch(self, name: str, arguments: list[str], environment: Mapping[str, str] | None = None) -> None:
        log = self.settings.directory / "logs" / f"{name}.log"
        command = [sys.executable, *arguments]
        self.processes[name] = Process(name, command, environment or self._base_environment(), log, ROOT)
        await self.processes[name].start()

    async def answers(self, process: Process | None, url: str, every: float = 0.05) -> None:
        """Return when `url` answers that all is well, asked again after `every` seconds.

        Raises ProcessFailed when the process ends before, and TimeoutError.
        """
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                if process is not None:
                    process.check()
                try:
                    if (await self._client.get(url)).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(every)

    async def _listens(self, name: str, port: int) -> None:
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                self.processes[name].check()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                writer.close()
                return

    async def _stop_all(self) -> None:
        """From the outside in, so that nobody waits for a connection that is still in use: callers first."""
        outside = ("front-door", "sandbox", "broker")
        groups = (
            [name for name in outside if name in self.processes],
            [name for name in self.processes if name.partition(".")[0] in SERVICES],
            ["cloud"],
        )
        for group in groups:
            await asyncio.gather(*(self.processes[name].stop() for name in group))

    def _base_environment(self) -> dict[str, str]:
        """What a child needs of this process's environment: no CALLMINE_ variable leaks in from a person's shell.

        Temporary files go below the directory as well: what is left of a stack is all in one place.
        """
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH")
        temporary = self.settings.directory.resolve() / "tmp"
        temporary.mkdir(exist_ok=True, mode=0o700)
        given = {name: os.environ[name] for name in kept if name in os.environ}
        return given | {"PYTHONUNBUFFERED": "1", "TMPDIR": str(temporary)}

    def _path(self, name: str) -> str:
        return str(self.settings.directory.resolve() / name)


def _topology(settings: StackSettings) -> Topology:
    path = ROOT / "deploy" / "topology.yaml"
    if settings.emulator:
        content = yaml.safe_load(path.read_text())
        for service in content["services"].values():
            service["mode"] = "pull"
        path = settings.directory / PULLED
        path.write_text(yaml.safe_dump(content))
    return Topology.load(path)


async def _embedded(directory: Path, closing: AsyncExitStack) -> str:
    starting = asyncio.create_task(asyncio.to_thread(EmbeddedPostgres.start, directory / "postgres"))
    try:
        server = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # A thread cannot be cancelled: what it has started is stopped, not left behind.
        await asyncio.to_thread((await starting).stop)
        raise
    closing.push_async_callback(asyncio.to_thread, server.stop)
    return server.admin_dsn


def _client(site: Site) -> httpx.AsyncClient:
    # No idle connections: a server that stops would wait for them to be closed.
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(verify=site.authority.client_context(), timeout=30, limits=limits, trust_env=False)
