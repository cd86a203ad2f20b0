"""P6 and P7: who gets data, and from when."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from unittest import mock

from contracts.registry import SERVICES
from core.log import Value
from egress import REGISTER, Destination, Egress, Kind, Recipient, Register
from egress.register import FOUNDED
from local.stack import Process
from promises import five_sets, histories
from promises.checks.at_rest import logged, writing
from promises.checks.transit import pids
from promises.kernel import is_loopback, sockets_of
from promises.system import Checks, Flip, Mutant, Mutants, System, Verdict

_QUICK, _FULL = 100, 1_000

_NEW = """
  - {name: mailgun, company: Mailgun, kind: sub-processor, purpose: mail, data: [people], hosts: [api.mailgun.net],
     listed_on: 2026-12-01, in_effect_from: 2026-12-31}
"""


def _lines(system: System, message: str) -> Iterator[dict[str, Value]]:
    """What the guards of the running services said: their log lines of one kind."""
    for path in [system.directory / "logs" / f"{name}.log" for name in (*SERVICES, "mutant")]:
        for line in path.read_text().splitlines() if path.exists() else ():
            if f'"message": "{message}"' in line:
                yield json.loads(line)


def let_through(system: System) -> frozenset[tuple[str, str]]:
    """Which service's guard has let through which recipient at its start."""
    return frozenset(
        (str(line["service"]), name)
        for line in _lines(system, "outbound destinations")
        for name in str(line["recipients"]).split()
    )


async def five_sets_agree(system: System) -> Verdict:
    """Page, allow-list, code, guard and data-flow register."""
    page = (await system.stack.client.get(f"{system.stack.url}/sub-processors")).text
    inputs = system.alter(five_sets.inputs(page, let_through(system)))
    problems = five_sets.problems(inputs)
    chosen = [one for one in REGISTER if one.kind is Kind.SUB_PROCESSOR]
    figures = {"sub-processors": len(chosen), "systems of the customer's": len(list(REGISTER)) - len(chosen)}
    return Verdict(figures | {"data flows": len(five_sets.flows_of(five_sets.FLOWS.read_text()))}, tuple(problems))


async def nobody_before_their_day(system: System) -> Verdict:
    """Made-up histories, and the guard's judgement of each start in them."""
    found = await asyncio.to_thread(histories.simulate, system.seed, _FULL if system.full else _QUICK)
    problems: list[str] = []
    if found.early:
        problems.append(
            f"{found.early} of {found.starts} starts were let through before their day (seed {system.seed})"
        )
    if found.hasty_refused != found.hasty:
        problems.append(f"{found.hasty - found.hasty_refused} listings with less than 30 days were taken")
    if not found.starts or not found.hasty:
        problems.append("no history came to a start, or none was hasty: nothing was tried")
    figures = {
        "histories": found.histories,
        "starts": found.starts,
        "hasty listings refused": found.hasty_refused,
        "let through early": found.early,
    }
    return Verdict(figures, tuple(problems))


async def only_listed_are_asked(system: System) -> Verdict:
    """Each request that left, by the log of the only client there is."""
    names = {one.name for one in REGISTER}
    asked: dict[str, int] = {}
    for line in _lines(system, "outbound request"):
        name = str(line["destination"]).removesuffix("-oauth")
        asked[name] = asked.get(name, 0) + 1
    problems = [
        f"{count} requests went to {name}, who is not listed" for name, count in asked.items() if name not in names
    ]
    if not {"gong", "openai", "anthropic"} <= asked.keys():
        problems.append("the main job left no trace of requests to Gong, OpenAI and Anthropic")
    return Verdict({"requests": sum(asked.values()), "recipients": len(asked)}, tuple(problems))


async def no_other_connection(system: System) -> Verdict:
    """Both ends of each connection that a process of the system holds."""
    # Several looks: a connection to somebody else would not stay open for long.
    seen = set()
    for _ in range(5):
        seen |= {one for one in sockets_of(pids(system)) if not one.listens}
        await asyncio.sleep(0.05)
    known = set(system.stack.site.ports.numbers.values())
    listening = {one.port for one in sockets_of(pids(system)) if one.listens}
    problems = {
        f"a process of the system is connected to {one.peer}:{one.peer_port}"
        for one in seen
        if not is_loopback(one.peer) or not ({one.port, one.peer_port} & (known | listening))
    }
    return Verdict({"connections": len(seen)}, tuple(sorted(problems)))


def _altered(**texts: str) -> Flip:
    """A mutant of one of the five sources."""

    @asynccontextmanager
    async def flip(system: System) -> AsyncIterator[None]:
        def change(given: five_sets.Inputs) -> five_sets.Inputs:
            told = {name: getattr(given, name) + text for name, text in texts.items()}
            return replace(given, **told)

        async with system.altered(change):
            yield

    return flip


@asynccontextmanager
async def host_in_the_code_only(system: System) -> AsyncIterator[None]:
    text = 'PLACE = Destination(name="mailgun", base_url="https://api.mailgun.net")\n'
    async with system.altered(lambda given: replace(given, sources={**given.sources, "analysis.mail": text})):
        yield


@asynccontextmanager
async def seen_and_not_listed(system: System) -> AsyncIterator[None]:
    async with logged(system, "outbound destinations", recipients="mailgun"):
        yield


@asynccontextmanager
async def flow_left_out(system: System) -> AsyncIterator[None]:
    def change(given: five_sets.Inputs) -> five_sets.Inputs:
        lines = [line for line in given.flows.splitlines() if "recipient: openai" not in line]
        return replace(given, flows="\n".join(lines))

    async with system.altered(change):
        yield


@asynccontextmanager
async def notice_cut_short(_: System) -> AsyncIterator[None]:
    with mock.patch("egress.register.NOTICE", timedelta(days=29)):
        yield


@asynccontextmanager
async def connection_to_a_stranger(system: System) -> AsyncIterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        program = f"import socket, time; s = socket.create_connection(('127.0.0.1', {port})); time.sleep(120)"
        directory = system.directory.resolve()
        log = directory / "logs" / "stranger.log"
        process = Process("stranger", [sys.executable, "-c", program], {"PATH": "/usr/bin:/bin"}, log, directory)
        await process.start()
        system.stack.processes["stranger"] = process
        accepted, _ = await asyncio.to_thread(stranger.accept)
        try:
            yield
        finally:
            accepted.close()
            del system.stack.processes["stranger"]
            await process.kill()


@asynccontextmanager
async def request_to_a_stranger(system: System) -> AsyncIterator[None]:
    """The one client, with a register in which somebody else stands, writes its own line of a request."""
    stranger = Recipient(
        name="mailgun",
        company="Mailgun",
        kind=Kind.INTEGRATION,
        purpose="mail",
        hosts=("api.mailgun.net",),
        listed_on=FOUNDED,
        in_effect_from=FOUNDED,
    )
    site = system.stack.site
    place = Destination(name="mailgun", base_url=site.sandbox_url)
    async with writing(system, "egress"):
        async with Egress([place], ca_file=site.authority.ca_file, register=Register([stranger])) as egress:
            await egress.request("mailgun", "GET", "/_ready")
        yield


CHECKS: Checks = {
    "five-sets-agree": five_sets_agree,
    "nobody-before-their-day": nobody_before_their_day,
    "only-listed-are-asked": only_listed_are_asked,
    "no-other-connection": no_other_connection,
}
MUTANTS: Mutants = {
    "host-on-the-page-only": Mutant(
        "five-sets-agree", _altered(page='<article data-recipient="mailgun" data-hosts="api.mailgun.net">')
    ),
    "host-in-the-register-only": Mutant("five-sets-agree", _altered(register=_NEW)),
    "host-in-the-code-only": Mutant("five-sets-agree", host_in_the_code_only),
    "seen-and-not-listed": Mutant("five-sets-agree", seen_and_not_listed),
    "flow-left-out": Mutant("five-sets-agree", flow_left_out),
    "notice-cut-short": Mutant("nobody-before-their-day", notice_cut_short),
    "connection-to-a-stranger": Mutant("no-other-connection", connection_to_a_stranger),
    "request-to-a-stranger": Mutant("only-listed-are-asked", request_to_a_stranger),
}
