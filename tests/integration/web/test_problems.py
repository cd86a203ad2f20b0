"""Errors: one shape for programs, one page for people, and nothing that should stay inside."""

from __future__ import annotations

import logging

import httpx
import pytest
from fastapi import FastAPI

from integration.web.conftest import visiting


@pytest.mark.parametrize(
    ("path", "status", "slug", "detail"),
    [
        ("/wrong/input", 400, "invalid-input", "The date range ends before it begins."),
        ("/wrong/quota", 402, "out-of-quota", "All 50 calls of this month are used."),
        ("/wrong/later", 503, "unavailable", "The database is restarting."),
        ("/nowhere", 404, "not-found", "There is nothing here."),
    ],
)
async def test_problem_json(visitor: httpx.AsyncClient, path: str, status: int, slug: str, detail: str) -> None:
    answer = await visitor.get(path)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"].endswith("/" + slug)
    assert problem["detail"].startswith(detail)
    assert problem["instance"] == path
    assert problem["reference"] == answer.headers["x-correlation-id"]


async def test_retry_after_is_passed_on(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/wrong/later")).headers["retry-after"] == "7"


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_a_bug_is_logged_and_tells_nothing(
    visitor: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, accept: str
) -> None:
    answer = await visitor.get("/wrong/bug", headers={"accept": accept})
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "hunter2" not in answer.text
    assert "content-security-policy" in answer.headers
    fields = [getattr(record, "fields", {}) for record in caplog.records]
    assert any(entry.get("error") == "ValueError" for entry in fields)
    assert "hunter2" not in str(fields)
    assert all(record.exc_info is None for record in caplog.records), "a traceback would hold the message"


async def test_an_error_nobody_gave_a_status_tells_nothing_either(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/wrong/inside")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text


async def test_an_answer_that_breaks_midway_is_broken_off(app: FastAPI) -> None:
    async with visiting(app) as client:
        with pytest.raises(ValueError, match="hunter2"):
            await client.get("/wrong/midway")


async def test_wrong_methods_are_told(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.delete("/settings")
    assert answer.status_code == 405
    assert answer.json()["title"] == "This cannot be done here"
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"text": "hunter2hunter2"}, "text", "is too long"),
        ({"text": 7}, "text", "is not valid"),
        ({}, "text", "is missing"),
        ({"text": "x", "tone": "hunter2"}, "tone", "does not have the expected form"),
        ({"text": "x", "hunter2": 1}, "the request", "is not expected here"),
        ("hunter2", "the request", "is not valid"),
    ],
)
async def test_validation_names_the_field_and_never_the_input(
    program: httpx.AsyncClient, body: object, field: str, words: str
) -> None:
    answer = await program.post("/notices", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": field, "problem": words}]
    assert "hunter2" not in answer.text


async def test_garbage_is_not_json(program: httpx.AsyncClient) -> None:
    answer = await program.post("/notices", content=b"{hunter2", headers={"content-type": "application/json"})
    assert answer.json()["errors"] == [{"field": "the request", "problem": "is not JSON"}]
    assert "hunter2" not in answer.text


async def test_the_error_page_is_for_people(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/notices/404")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no such notice." in answer.text
    assert answer.headers["x-correlation-id"] in answer.text


async def test_who_prefers_json_gets_it(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/notices/404", headers={"accept": "application/json, text/html"})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_access_line_holds_no_content(program: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await program.get("/notices/77?token=hunter2")
    await program.get("/elsewhere/hunter2")
    ours = [record for record in caplog.records if record.name == "web.access"]
    lines = [getattr(record, "fields", {}) for record in ours]
    assert [(line["method"], line["route"], line["status"]) for line in lines] == [
        ("GET", "/notices/{number}", 200),
        ("GET", "(none)", 404),
    ]
    assert "hunter2" not in str(lines)
    assert "77" not in str([line["route"] for line in lines])
