"""All calls the sandbox knows, by workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from local.sandbox.corpus.call_file import read_call_file
from local.sandbox.corpus.calls import Party, RecordedCall
from local.sandbox.corpus.json_lines import read_json_lines


@dataclass(frozen=True, slots=True)
class Library:
    """The calls of each workspace, oldest first."""

    calls: Mapping[str, tuple[RecordedCall, ...]]

    def of(self, workspace: str) -> tuple[RecordedCall, ...]:
        """The calls of one workspace; none for a workspace nobody recorded in."""
        return self.calls.get(workspace, ())

    def staff_of(self, workspace: str) -> tuple[Party, ...]:
        """The seller's own people of a workspace, each once, in the order of their ids."""
        staff = {party.user_id: party for call in self.of(workspace) for party in call.parties if party.user_id}
        return tuple(staff[user_id] for user_id in sorted(staff))


def load_library(calls_dir: Path, calls_file: Path | None, workspaces: Sequence[str], today: date) -> Library:
    """The calls in ``calls_file`` dealt to the workspaces, or else the shipped ones in ``calls_dir/<workspace>/*.call``."""
    if calls_file is not None:
        return _by_workspace(workspaces, read_json_lines(calls_file, workspaces, today))
    return _by_workspace(
        workspaces,
        [
            read_call_file(path, workspace, today)
            for workspace in workspaces
            for path in sorted((calls_dir / workspace).glob("*.call"))
        ],
    )


def _by_workspace(workspaces: Sequence[str], calls: list[RecordedCall]) -> Library:
    ordered = sorted(calls, key=lambda call: (call.started_at, call.call_id))
    return Library({name: tuple(call for call in ordered if call.workspace == name) for name in workspaces})
