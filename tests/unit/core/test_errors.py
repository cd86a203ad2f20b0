"""The tree of errors: what is permanent, what is worth another try, and how each is answered."""

from __future__ import annotations

import inspect

import pytest

from core import errors
from core.errors import CallmineError, MissingSettings, Permanent, Transient

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, CallmineError)]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.Permanent, 422),
        (errors.InvalidInput, 400),
        (errors.Unauthenticated, 401),
        (errors.OutOfQuota, 402),
        (errors.Forbidden, 403),
        (errors.NotFound, 404),
        (errors.Conflict, 409),
        (errors.Transient, 503),
    ],
)
def test_the_status_of_each(kind: type[CallmineError], status: int) -> None:
    assert kind.status == status


def test_each_answers_with_words_of_its_own() -> None:
    shown = [kind for kind in TREE if kind not in {CallmineError, MissingSettings}]
    assert len({kind.problem for kind in shown}) == len(shown)
    assert len({kind.title for kind in shown}) == len(shown)


def test_an_error_is_permanent_or_transient_never_both() -> None:
    assert not [kind for kind in TREE if issubclass(kind, Permanent) and issubclass(kind, Transient)]


def test_a_4xx_is_permanent_and_a_5xx_is_not() -> None:
    for kind in TREE:
        assert issubclass(kind, Permanent) == (kind.status < 500), kind


def test_the_docstring_draws_the_whole_tree() -> None:
    assert [kind.__name__ for kind in TREE if kind.__name__ not in str(errors.__doc__)] == []


def test_a_transient_error_says_when() -> None:
    assert Transient("later").retry_after is None
    assert Transient("later", retry_after=3).retry_after == 3


def test_missing_settings_are_listed_all_at_once() -> None:
    error = MissingSettings("audit", ["CALLMINE_APP_URL: missing", "CALLMINE_PORT: not a number"])
    assert error.problems == ("CALLMINE_APP_URL: missing", "CALLMINE_PORT: not a number")
    assert all(problem in str(error) for problem in error.problems)
