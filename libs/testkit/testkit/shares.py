"""How the tests are shared out to several processes: file by file, and all that start a whole Callmine to one and the same process."""

from __future__ import annotations

from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# Each of these starts five services and all that stands for the cloud. Two at once would fight over the machine, and time out.
WHOLE: Final = ("tests/browser/", "tests/e2e/", "tests/chaos/vault/test_canary.py", "tests/chaos/vault/test_hop.py")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out one file at a time, in the order of collection; the files of `WHOLE` count as one."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "whole" if file.startswith(WHOLE) else file


__all__ = ["WHOLE", "ByFile", "Producer", "WorkerController"]
