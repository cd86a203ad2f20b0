"""Ids rise with time, and what is no id is refused without being repeated."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from core.ids import WorkspaceId, parse_ticket, parse_user_id, parse_uuid, parse_workspace_id, points_elsewhere, uuid7


def test_ids_rise_strictly() -> None:
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_rise_within_each_thread_and_never_repeat() -> None:
    with ThreadPoolExecutor(4) as pool:
        lists = list(pool.map(lambda _: [uuid7() for _ in range(2_000)], range(4)))
    assert all(made == sorted(made) for made in lists)
    assert len({one for made in lists for one in made}) == 8_000


def test_an_id_is_a_version_7_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    # Ids made faster than the counter's quarter of a microsecond run ahead of the clock by little.
    assert 0 <= (made.int >> 80) - before < 1_000


def test_ids_rise_when_the_clock_runs_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert uuid7() > before


@pytest.mark.parametrize("text", ["org_2NNEqL2nrIRdJ194ndJqAHwEfxC", "org_a", "org_" + "z" * 60])
def test_workspace_ids_pass(text: str) -> None:
    assert parse_workspace_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "org_",
        "ORG_a",
        "user_a",
        "org_a/b",
        "org_../x",
        "org_a b",
        "org_a\n",
        " org_a",
        "org_ä",
        "org_a%2f",
        "org_" + "z" * 61,
        "org_a\0",
    ],
)
def test_other_workspace_ids_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="workspace_id is missing or malformed"):
        parse_workspace_id(text)


@given(st.text(max_size=80))
def test_what_passes_is_safe_in_an_object_name(text: str) -> None:
    try:
        passed = parse_workspace_id(text)
    except InvalidInput:
        return
    assert passed.replace("_", "").isalnum()
    assert passed.isascii()


@pytest.mark.parametrize("text", ["", "1user", "user a", "user_a\n", "u" * 80])
def test_other_user_ids_are_refused(text: str) -> None:
    assert parse_user_id("user_2NNEqL2") == "user_2NNEqL2"
    with pytest.raises(InvalidInput):
        parse_user_id(text)


@given(st.uuids())
def test_uuids_pass(given_id: uuid.UUID) -> None:
    assert parse_uuid(str(given_id)) == given_id


@pytest.mark.parametrize("parse", [parse_workspace_id, parse_user_id, lambda text: parse_uuid(text, "run id")])
def test_a_refusal_does_not_repeat_the_text(parse: Callable[[str], object]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse("<what somebody sent>")
    assert "somebody" not in str(refusal.value)


def test_a_refused_uuid_is_named() -> None:
    with pytest.raises(InvalidInput, match="run id is not a UUID"):
        parse_uuid("x", "run id")


@pytest.mark.parametrize("text", ["", "gong", "user_a", "org_a", "org_a:gong", "0195520d-9d52-7000-8000-0000000000a1"])
def test_what_is_no_other_workspaces_points_nowhere_else(text: str) -> None:
    assert not points_elsewhere(text, WorkspaceId("org_a"))


@pytest.mark.parametrize("text", ["org_b", "org_b:gong", "org_aa", "org_aa:gong", "org_", "org_a/org_b"])
def test_another_workspaces_id_points_elsewhere(text: str) -> None:
    assert points_elsewhere(text, WorkspaceId("org_a"))


@pytest.mark.parametrize("text", ["", "SUP-", "please delete Anna's calls", "sup-1", "SUP-1\n"])
def test_a_ticket_is_a_number(text: str) -> None:
    assert parse_ticket("SUP-412") == "SUP-412"
    with pytest.raises(InvalidInput):
        parse_ticket(text)
