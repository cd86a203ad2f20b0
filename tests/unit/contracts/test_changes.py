"""Diffs: applied to the state before they give the state after; bounded; no secret can get into one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes, SecretStr

from callmine.audit.v1.audit_pb2 import FieldChange
from contracts import applied, changes_between, field_change
from contracts.changes import LONGEST_VALUE, MOST_FIELDS, Value

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_VALUES = st.one_of(
    st.none(),
    _TEXT,
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(_TEXT, max_size=4),
)
_STATES = st.dictionaries(st.sampled_from([f"field_{number}" for number in range(12)]), _VALUES)


def there(state: dict[str, Value]) -> dict[str, str]:
    """The fields that are there, told apart as JSON does: 1, 1.0 and true are three values."""
    return {field: json.dumps(value) for field, value in state.items() if value is not None}


@given(_STATES, _STATES)
def test_a_diff_takes_the_state_before_to_the_state_after(before: dict[str, Value], after: dict[str, Value]) -> None:
    changes = [FieldChange.FromString(one.SerializeToString()) for one in changes_between(before, after)]
    assert there(applied(before, changes)) == there(after)


@given(_STATES, _STATES)
def test_a_diff_tells_what_changed_and_nothing_else(before: dict[str, Value], after: dict[str, Value]) -> None:
    was, now = there(before), there(after)
    told = {one.field for one in changes_between(before, after)}
    assert told == {field for field in {*was, *now} if was.get(field) != now.get(field)}


@given(_STATES, _STATES)
def test_it_can_be_taken_back(before: dict[str, Value], after: dict[str, Value]) -> None:
    there_and_back = applied(applied(before, changes_between(before, after)), changes_between(after, before))
    assert there(there_and_back) == there(before)


def test_a_diff_is_not_applied_to_another_state() -> None:
    changes = changes_between({"status": "paused"}, {"status": "active"})
    with pytest.raises(ValueError, match="status began from another value"):
        applied({"status": "draft"}, changes)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(SecretStr("hunter2"), id="secret-text"),
        pytest.param(SecretBytes(b"hunter2"), id="secret-bytes"),
        pytest.param(b"hunter2", id="bytes"),
        pytest.param({"key": "hunter2"}, id="mapping"),
        pytest.param([SecretStr("hunter2")], id="list"),
        pytest.param(object(), id="anything-else"),
    ],
)
def test_what_is_no_plain_value_is_refused_without_being_quoted(secret: Value) -> None:
    for make in (
        lambda: field_change("token", None, secret),
        lambda: field_change("token", secret, None),
        lambda: changes_between({}, {"token": secret}),
    ):
        with pytest.raises(TypeError) as caught:
            make()
        assert "hunter2" not in str(caught.value)


def test_long_values_are_told_by_length_and_digest() -> None:
    long = "x" * LONGEST_VALUE
    change = field_change("brief", long, long + "y")
    assert len(change.before) < 80
    assert change.before != change.after
    assert "2,002 characters, sha256 " in change.before
    assert field_change("brief", "x" * (LONGEST_VALUE - 2), None).before == json.dumps("x" * (LONGEST_VALUE - 2))


def test_a_diff_of_too_many_fields_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{MOST_FIELDS + 1} fields"):
        changes_between({}, {str(number): number for number in range(MOST_FIELDS + 1)})
