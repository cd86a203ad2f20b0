"""What five running services tell of themselves: one trace from the request to the model, every metric, and nothing of what was said."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console

from contracts.registry import SERVICES
from e2e.conftest import Finished
from e2e.told import Part, Told
from egress.register import REGISTER
from local.sandbox.corpus.library import load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack.keys import WORKSPACES
from local.top import COLUMNS, Board, table
from messaging.topology import Topology
from telemetry.attributes import ATTRIBUTES, LEFT_OUT
from telemetry.instruments import INSTRUMENTS

# From somebody's click to the report, who does what of a run: service, kind and name of the span.
WAY = {
    ("analysis", "SERVER", "POST /api/v1/runs"),
    ("analysis", "PRODUCER", "publish fetches"),
    ("ingest", "CONSUMER", "process FetchRequested"),
    ("ingest", "PRODUCER", "publish credential-requests-ingest"),
    ("credential-vault", "CONSUMER", "process CredentialRequested"),
    ("credential-vault", "PRODUCER", "publish credential-grants-ingest"),
    ("ingest", "CONSUMER", "process CredentialGranted"),
    ("ingest", "INTERNAL", "fetch calls"),
    ("ingest", "CLIENT", "POST gong"),
    ("ingest", "PRODUCER", "publish calls"),
    ("analysis", "CONSUMER", "process CallFetched"),
    ("analysis", "INTERNAL", "analyse call"),
    ("analysis", "CLIENT", "ask model"),
    ("analysis", "CLIENT", "POST openai"),
    ("analysis", "INTERNAL", "write report"),
    ("analysis", "PRODUCER", "publish reports"),
    ("ingest", "CONSUMER", "process ReportCompleted"),
}


def _steps(parts: list[Part]) -> set[tuple[str, str, str]]:
    return {(part.service, part.kind, part.name) for part in parts}


def _whole(told: Told) -> list[list[Part]]:
    """The traces in which the whole way was gone."""
    begun = {part.trace for part in told.parts if part.name == "POST /api/v1/runs"}
    return [parts for trace in begun if _steps(parts := told.trace(trace)) >= WAY]


def _orphans(trace: list[Part]) -> list[Part]:
    """Parts of a trace whose parent has not been told (yet: a child ends, and may be sent, before its parent)."""
    known = {part.span for part in trace}
    return [part for part in trace if part.parent and part.parent not in known]


async def test_a_run_is_one_trace_from_the_request_to_the_report(finished: Finished, told: Told) -> None:
    assert await told.until(lambda: bool(_whole(told))), [p for p in told.parts if p.name == "POST /api/v1/runs"]
    assert await told.until(lambda: not _orphans(_whole(told)[0])), _orphans(_whole(told)[0])
    trace = _whole(told)[0]
    roots = [part for part in trace if not part.parent]
    assert [part.name for part in roots] == ["POST /api/v1/runs"]
    assert len({part.attributes["callmine.workspace_id"] for part in trace if part.kind == "CONSUMER"}) == 1


async def test_spans_hold_what_is_on_the_list_and_nothing_that_was_said(finished: Finished, told: Told) -> None:
    assert await told.until(lambda: bool(_whole(told)))
    values = {(name, value) for part in told.parts for name, value in part.attributes.items()}
    assert {name for name, _ in values} <= set(ATTRIBUTES.values())
    assert LEFT_OUT not in {value for _, value in values}
    everything = "\n".join({value for _, value in values} | {part.name for part in told.parts})
    assert [one for one in _said(finished) if one in everything] == []


async def test_every_metric_of_the_registry_is_told_with_labels_that_are_names_of_ours(
    finished: Finished, told: Told
) -> None:
    assert await told.until(lambda: set(told.metrics) >= {one.name for one in INSTRUMENTS})
    assert set(told.metrics) == {one.name for one in INSTRUMENTS}
    labels = {one.name: set(one.labels) for one in INSTRUMENTS}
    for name, series in told.labels.items():
        assert {label for one in series for label, _ in one} <= labels[name]
    topology = Topology.load(finished.stack.site.root / "deploy/topology.yaml")
    subscriptions = {one.name for service in SERVICES for one in topology.of(service)}
    seen = {dict(one)["subscription"] for one in told.labels["callmine_inbox_messages"]}
    assert seen <= subscriptions
    recipients = {dict(one)["recipient"] for one in told.labels["callmine_egress_requests"]}
    assert {"gong", "openai", "anthropic"} <= recipients <= {one.name for one in REGISTER}


async def test_log_lines_stand_beside_their_spans_and_say_whose_work_it_is(finished: Finished, told: Told) -> None:
    assert await told.until(lambda: bool(_whole(told)))
    traces = {parts[0].trace for parts in _whole(told)}
    beside: dict[str, set[str]] = {}
    for service, line in _lines(finished):
        if any(re.match(pattern, line) for pattern in _PAST_LOGGING):
            continue
        assert line.startswith("{"), f"{service} writes past its log: {line}"
        read = json.loads(line)
        assert {"severity", "time", "service", "message"} <= read.keys()
        trace = read.get("logging.googleapis.com/trace", "").removeprefix("projects/callmine-local/traces/")
        if trace in traces and read.get("workspace_id"):
            beside.setdefault(trace, set()).add(service)
    assert {"analysis", "ingest"} <= set.union(*beside.values())


async def test_top_shows_what_every_service_measures(finished: Finished) -> None:
    async with Board.open(finished.directory) as board:
        await board.rows()
        rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in await board.rows()}
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(table([list(row.values()) for row in rows.values()]))
    shown = console.export_text()
    assert list(rows) == list(SERVICES)
    for service, row in rows.items():
        assert service in shown
        assert row["ready"] == "[green]yes[/]"
        assert int(row["MiB"]) > 20
        assert (row["parked"], row["5xx"]) == ("0", "0")
    # Counted since the start, which another test may have repeated.
    assert any(int(row["inbox"]) > 0 for row in rows.values())


# The C library of gRPC does; and a version that was refused by its own settings (test_redeploy) tells them to who started it.
_PAST_LOGGING = (
    r"[IWEF]\d{4} \d\d:",
    r"WARNING: All log messages before absl",
    r"audit does not start: |  - CALLMINE_TOPOLOGY_FILE cannot be read ",
)


def _lines(finished: Finished) -> Iterator[tuple[str, str]]:
    for service in SERVICES:
        for line in (finished.directory / "logs" / f"{service}.log").read_text().splitlines():
            yield service, line


def _said(finished: Finished) -> list[str]:
    """What of calls, briefs, people and keys must not be found."""
    library = load_library(SHIPPED_CALLS, None, WORKSPACES, datetime.now(UTC).date())
    calls = [call for workspace in WORKSPACES for call in library.of(workspace)]
    said = [max((sentence.text for sentence in call.sentences), key=len) for call in calls]
    people = [party.name for call in calls for party in call.parties] + [call.title for call in calls]
    briefs = [outcome.run["question"]["brief"][:60] for outcome in finished.outcomes]
    keys = [text for pair in finished.stack.site.keys.gong.values() for text in pair.values()]
    return [*said, *people, *briefs, *keys]
