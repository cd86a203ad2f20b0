"""Has files made: each by a process of its own, few at a time, off the event loop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

from analysis.exporting.__main__ import MADE, REFUSED
from analysis.exporting.formats import Format
from cloud.objects import LARGEST_OBJECT
from core.errors import Permanent, Transient

# A file takes a second or two of one processor. Of PDFs one at a time: that of the largest report holds 425 MB, and an instance has 1,024
# (`make bench B=exports`).
AT_ONCE = 2
# Longer than a maker may compute, since others may need the processor too.
LONGEST_SECONDS = 240.0

# No variable of the service reaches a maker: some of them are secrets. The typesetter's threads would only fight over the same processors.
_ENVIRONMENT = {"LANG": "C.UTF-8", "TZ": "UTC", "RAYON_NUM_THREADS": "1"}


class Press(Protocol):
    """Makes files."""

    async def make(self, document: Mapping[str, object], kind: Format) -> bytes:
        """The file of a published document. Raises Permanent for a report that cannot be made, Transient otherwise."""
        ...


class ProcessPress:
    """The press of a running service. `fonts` is a folder with more fonts for PDF."""

    def __init__(self, fonts: Path | None = None, at_once: int = AT_ONCE) -> None:
        self._fonts = fonts
        self._free = asyncio.Semaphore(at_once)
        self._typesetter = asyncio.Lock()

    async def make(self, document: Mapping[str, object], kind: Format) -> bytes:
        """The file of a published document. Raises Permanent for a report that cannot be made, Transient otherwise."""
        body = await asyncio.to_thread(_written, document)
        # Whoever waits for the typesetter holds no place that another kind could have.
        async with self._typesetter if kind is Format.PDF else nullcontext(), self._free:
            return await self._made(body, kind)

    async def _made(self, body: bytes, kind: Format) -> bytes:
        fonts = [str(self._fonts.resolve())] if self._fonts else []
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "analysis.exporting",
            kind.value,
            *fonts,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_ENVIRONMENT,
        )
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                file, _ = await process.communicate(body)
        except TimeoutError as error:
            raise Permanent("the report takes too long to be laid out") from error
        except RuntimeError as error:
            # It died before all was said to it, which uvloop tells as a misuse of the pipe.
            raise Transient("the file's maker was stopped") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _judged(file, process.returncode)


def _written(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _judged(file: bytes, code: int | None) -> bytes:
    if code == REFUSED:
        raise Permanent("the report could not be laid out")
    if code != MADE:
        raise Transient("the file's maker was stopped")
    if len(file) > LARGEST_OBJECT:
        raise Permanent("the file is larger than an object may be")
    return file
