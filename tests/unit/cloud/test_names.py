"""Object names stay inside their workspace's folder."""

from __future__ import annotations

import pytest

from cloud.names import full_name, own_name, prefix_of
from core.errors import InvalidInput
from core.ids import WorkspaceId

PREFIX = prefix_of(WorkspaceId("org_acme"))


@pytest.mark.parametrize("name", ["a", "calls/7782.json", "a/b/c_d-e.f=g", "0/1/2/3/4/5/6/7/8/9"])
def test_relative_and_whole_names_mean_the_same(name: str) -> None:
    assert full_name(PREFIX, name) == full_name(PREFIX, PREFIX + name) == f"workspaces/org_acme/{name}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        ".",
        "..",
        "../org_other/a",
        "a/../b",
        "a..b",
        "/a",
        "a/",
        "a//b",
        ".hidden",
        "a/.hidden",
        "a b",
        "a\n",
        "a?b",
        "a%2e%2e",
        "tr\u00e4nskript",
        "workspaces/org_other/a",
        "workspaces/org_acme",
        "workspaces/org_acme/",
        "workspaces/org_acme/workspaces/org_other/a",
        "workspaces/org_acme2/a",
        "x" * 201,
        "0/1/2/3/4/5/6/7/8/9/10",
        "/".join(["x" * 199] * 3),
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        full_name(PREFIX, name)


@pytest.mark.parametrize("workspace", ["", "org_", "org_a/b", "org_../org_b", "acme", "org_a\n"])
def test_a_folder_belongs_to_a_workspace(workspace: str) -> None:
    with pytest.raises(InvalidInput):
        prefix_of(WorkspaceId(workspace))


def test_a_name_out_of_a_message_must_be_whole_and_the_workspaces_own() -> None:
    acme = WorkspaceId("org_acme")
    assert own_name(acme, f"{PREFIX}calls/1.json") == f"{PREFIX}calls/1.json"
    for name in (
        "calls/1.json",
        "workspaces/org_acme2/a",
        "workspaces/org_other/a",
        f"{PREFIX}../org_other/a",
        PREFIX,
        "",
    ):
        with pytest.raises(InvalidInput):
            own_name(acme, name)
