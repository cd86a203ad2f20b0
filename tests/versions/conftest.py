"""The previous release's files."""

from __future__ import annotations

import pytest

from local.stack.instances import Code, UnknownVersion


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Code:
    """The newest tag, or the commit of deploy/previous.yaml. Skips where there is no history to take it from."""
    try:
        return Code.previous(tmp_path_factory.mktemp("versions"))
    except UnknownVersion as reason:
        pytest.skip(f"the previous release is not in this checkout's history (a shallow clone?): {reason}")
