"""Every alert watches something that exists, and says what to do."""

from __future__ import annotations

import re

import pytest

from architecture.terraform.configuration import Configuration, read
from house.projects import ROOT, libraries, services
from telemetry.instruments import INSTRUMENTS, Counter, Gauge, Histogram

RUNBOOKS = ROOT / "docs/runbooks"

# Google's own metrics that alerts may watch (cloud.google.com/monitoring/api/metrics_gcp).
GOOGLES = {
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age",
    "run.googleapis.com/request_count",
    "monitoring.googleapis.com/uptime_check/check_passed",
    "cloudsql.googleapis.com/database/up",
    "cloudsql.googleapis.com/database/disk/utilization",
}
COUNTED = "logging.googleapis.com/user/"

# How Cloud Monitoring names what comes by OTLP (docs.cloud.google.com/stackdriver/docs/reference/telemetry/v1.metrics).
KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
TOLD = {f"prometheus.googleapis.com/{one.name}/{KINDS[type(one)]}" for one in INSTRUMENTS}


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return read()


def unknown_metrics(configuration: Configuration) -> list[str]:
    """Metrics that alerts watch and nobody writes."""
    counted = {f"{COUNTED}{name}" for name in configuration.locals["log_metrics"]}
    watched = [alert["metric"] for alert in configuration.locals["alerts"].values()]
    return [metric for metric in watched if metric not in counted | GOOGLES | TOLD]


def unwritten_lines(configuration: Configuration) -> list[str]:
    """Lines that are counted and that no service logs."""
    sources = [path for one in (*libraries().values(), *services().values()) for path in one.sources]
    code = "\n".join(path.read_text() for path in sources)
    lines = [line for metric in configuration.locals["log_metrics"].values() for line in metric["lines"]]
    assert lines
    return [line for line in lines if f'"{line}"' not in code]


def runbooks_missing(configuration: Configuration) -> list[str]:
    named = [alert["runbook"] for alert in configuration.locals["alerts"].values()]
    return [name for name in named if not (RUNBOOKS / f"{name}.md").exists()]


def test_every_metric_is_there(configuration: Configuration) -> None:
    assert unknown_metrics(configuration) == []
    assert unwritten_lines(configuration) == []


def test_every_log_metric_has_an_alert(configuration: Configuration) -> None:
    watched = {alert["metric"] for alert in configuration.locals["alerts"].values()}
    assert [name for name in configuration.locals["log_metrics"] if f"{COUNTED}{name}" not in watched] == []


def test_every_alert_has_a_runbook_and_every_runbook_an_alert(configuration: Configuration) -> None:
    assert runbooks_missing(configuration) == []
    named = {alert["runbook"] for alert in configuration.locals["alerts"].values()}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - named == {"README"}
    documentation = configuration.one("google_monitoring_alert_policy", "alert")["documentation"][0]
    assert documentation["content"] == "What to do: docs/runbooks/${each.value.runbook}.md"


def test_every_alert_reaches_somebody_and_has_one_limit(configuration: Configuration) -> None:
    policy = configuration.one("google_monitoring_alert_policy", "alert")
    assert policy["notification_channels"] == ["google_monitoring_notification_channel.email.id"]
    for alert in configuration.locals["alerts"].values():
        assert len({"above", "below"} & alert.keys()) == 1


def test_the_list_of_runbooks_names_every_alert(configuration: Configuration) -> None:
    listed = (RUNBOOKS / "README.md").read_text()
    assert [name for name in configuration.locals["alerts"] if name.replace("_", " ") not in listed] == []


def test_every_metric_of_the_registry_is_in_the_document_and_no_other() -> None:
    text = (ROOT / "docs/operating.md").read_text()
    rows = re.findall(r"^\| `(callmine_\w+)` \| (\w+) \| (\S+) \| ([^|]*) \| ([^|]+) \|$", text, re.MULTILINE)
    expected = [
        (one.name, KINDS[type(one)], one.unit, ", ".join(one.labels) or "-", one.description) for one in INSTRUMENTS
    ]
    assert rows == expected


def test_no_metric_has_a_label_that_says_whose_data_it_was_about() -> None:
    allowed = {"status", "topic", "subscription", "outcome", "provider", "state", "stage", "recipient"}
    assert {label for one in INSTRUMENTS for label in one.labels} <= allowed
    assert len({one.name for one in INSTRUMENTS}) == len(INSTRUMENTS)


def test_what_is_not_there_is_found() -> None:
    changed = read(
        change=lambda text: (
            text.replace("relay waits", "relay rests")
            .replace('runbook = "restore"', 'runbook = "start-over"')
            .replace("cloudsql.googleapis.com/database/up", "cloudsql.googleapis.com/database/down")
            .replace("callmine_egress_refused/counter", "callmine_egress_refused/gauge")
        )
    )
    assert unwritten_lines(changed) == ["relay rests"]
    assert set(unknown_metrics(changed)) == {
        "cloudsql.googleapis.com/database/down",
        "prometheus.googleapis.com/callmine_egress_refused/gauge",
    }
    assert "start-over" in runbooks_missing(changed)
