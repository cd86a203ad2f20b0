"""Quota and retention window: what a plan ends, and what another plan brings back at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from e2e.commands import put_on_plan
from e2e.conftest import Finished
from e2e.runs import database, page
from local.journey import Person, admin_of, asked, until
from local.stack import Stack

WORKSPACE = "quillstone"


@dataclass(frozen=True, slots=True)
class Old:
    """A report that was made 31 days ago."""

    person: Person
    report_id: str
    headline: str
    call_id: str

    @property
    def stack(self) -> Stack:
        """Where it is."""
        return self.person.stack


@pytest.fixture(scope="module")
async def old(finished: Finished) -> AsyncIterator[Old]:
    """The workspace's report, moved back in time, and every later one out of the way."""
    stack = finished.stack
    report = finished.outcomes[1].report
    moved = "UPDATE {} SET created_at = created_at - interval '31 days' WHERE workspace_id = $1"
    for table in ("reports", "report_dates"):
        await database(stack, "analysis", moved.format(table), f"org_{WORKSPACE}01")
    yield Old(admin_of(stack, WORKSPACE), report["report_id"], report["headline"], report["calls"][0]["call_id"])
    back = moved.replace("- interval", "+ interval")
    for table in ("reports", "report_dates"):
        await database(stack, "analysis", back.format(table), f"org_{WORKSPACE}01")
    await put_on_plan(stack, WORKSPACE, "trial")


async def test_a_report_older_than_the_window_is_hidden_and_an_upgrade_shows_it_at_once(old: Old) -> None:
    await put_on_plan(old.stack, WORKSPACE, "starter")
    await _until_report(old, 200)
    await _assert_shown(old)
    await put_on_plan(old.stack, WORKSPACE, "trial")
    await _until_report(old, 404)
    await _assert_hidden(old)
    await put_on_plan(old.stack, WORKSPACE, "starter")
    await _until_report(old, 200)
    await _assert_shown(old)


async def test_out_of_quota_is_a_402_that_says_what_to_do(old: Old) -> None:
    await put_on_plan(old.stack, WORKSPACE, "free")
    question = await asked(old.person, WORKSPACE) | {"model": "openai/small"}
    refused = await until(
        lambda: old.person.call("POST", "/api/v1/runs", json=question),
        lambda answer: answer.status_code == 402,
        "the smaller plan does not arrive",
    )
    problem = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert problem["reason"] == "monthly_quota_used"
    assert problem["upgrade_options"] == ["starter", "growth", "scale"]
    assert problem["addon_available"] is True
    assert "upgrade" in problem["detail"]
    form = await _post(old, "/runs", question)
    assert form.status_code == 402
    assert "/settings/billing" in form.text
    assert question["brief"][:40] in form.text  # what was typed is not lost
    assert (await old.person.call("GET", "/api/v1/runs")).status_code == 200


async def _until_report(old: Old, status: int) -> None:
    await until(
        lambda: old.person.call("GET", f"/api/v1/reports/{old.report_id}"),
        lambda answer: answer.status_code == status,
        f"the report does not become {status}",
        seconds=10,
    )


async def _ways(old: Old) -> dict[str, int]:
    """Every way to a report, and its status."""
    report = f"/reports/{old.report_id}"
    transcript = f"{report}/calls/{old.call_id}"
    return {
        "page": (await old.person.call("GET", report)).status_code,
        "transcript": (await old.person.call("GET", transcript)).status_code,
        "export by form": (await _post(old, f"{report}/export", {"format": "json"})).status_code,
        "api": (await old.person.call("GET", f"/api/v1{report}")).status_code,
        "export by api": (await old.person.call("POST", f"/api/v1{report}/export?format=json")).status_code,
    }


async def _assert_hidden(old: Old) -> None:
    assert set((await _ways(old)).values()) == {404}
    dashboard = await page(old.person, "/dashboard")
    assert "1 older report is hidden" in dashboard
    assert old.headline not in dashboard
    assert f"/reports/{old.report_id}" not in dashboard


async def _assert_shown(old: Old) -> None:
    assert set((await _ways(old)).values()) == {200}
    dashboard = await page(old.person, "/dashboard")
    assert "older report" not in dashboard
    assert old.headline in dashboard


async def _post(old: Old, path: str, form: dict[str, object]) -> httpx.Response:
    """A form sent by the person's browser."""
    headers = {
        "cookie": f"__session={await old.person.token()}",
        "accept": "text/html",
        "origin": old.stack.url,
    }
    data = {name: str(value) for name, value in form.items()}
    return await old.stack.client.post(old.stack.url + path, headers=headers, data=data)
