"""Object names: always below the workspace's own folder."""

from __future__ import annotations

import re

from core.errors import InvalidInput
from core.ids import WorkspaceId, parse_workspace_id

# Google allows 1,024 bytes of UTF-8; ours are short ASCII paths. A segment starts with a letter, a digit or _, so that
# neither `.` nor `..` nor a hidden or empty segment can be written.
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.=-]{0,199}"
_RELATIVE = re.compile(rf"{_SEGMENT}(/{_SEGMENT}){{0,9}}")
_ROOT = "workspaces/"
_LONGEST = 512


def prefix_of(workspace_id: WorkspaceId) -> str:
    """The folder of a workspace, with a slash at its end. Raises InvalidInput for an id that is not one."""
    return f"{_ROOT}{parse_workspace_id(workspace_id)}/"


def own_name(workspace_id: WorkspaceId, name: str) -> str:
    """`name`, when it is the whole name of an object that may lie in the workspace's folder: the check for names out of messages.

    Raises InvalidInput for a relative or malformed name, and for any other workspace's.
    """
    prefix = prefix_of(workspace_id)
    if not name.startswith(prefix):
        raise InvalidInput("object name is malformed or lies outside the workspace's folder")
    return full_name(prefix, name)


def full_name(prefix: str, name: str) -> str:
    """`name` below `prefix`: relative, or already whole. Raises InvalidInput for any other place."""
    relative = name.removeprefix(prefix)
    if relative.startswith(_ROOT) or len(name) > _LONGEST or ".." in relative or not _RELATIVE.fullmatch(relative):
        raise InvalidInput("object name is malformed or lies outside the workspace's folder")
    return prefix + relative
