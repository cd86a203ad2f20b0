"""No function over 50 lines and no file over 500, and the check finds those that are."""

from __future__ import annotations

from house.projects import ROOT
from house.sizes import ALONE, FILE_LINES, FUNCTION_LINES, every_problem, too_long


def function(lines: int) -> str:
    return "\n".join(["def long() -> None:", *["    pass"] * (lines - 1)]) + "\n"


def test_nothing_is_too_long() -> None:
    assert every_problem() == []


def test_a_file_that_may_be_longer_is_there_and_needs_it() -> None:
    assert [name for name in ALONE if not list(too_long((ROOT / name).read_text()))] == []


def test_a_long_function_is_found() -> None:
    assert list(too_long(function(FUNCTION_LINES))) == []
    assert list(too_long(function(FUNCTION_LINES + 1))) == ["1: long has 51 lines, the limit is 50"]


def test_a_docstring_does_not_count() -> None:
    text = function(FUNCTION_LINES).replace("\n", '\n    """One.\n\n    Two.\n    """\n', 1)
    assert list(too_long(text)) == []


def test_a_method_inside_a_class_counts() -> None:
    inner = "".join(f"    {line}\n" for line in function(FUNCTION_LINES + 1).splitlines())
    assert list(too_long("class Thing:\n" + inner)) == ["2: long has 51 lines, the limit is 50"]


def test_a_long_file_is_found() -> None:
    assert list(too_long("x = 1\n" * FILE_LINES)) == []
    assert list(too_long("x = 1\n" * (FILE_LINES + 1))) == ["1: the file has 501 lines, the limit is 500"]
