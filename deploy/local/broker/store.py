"""The broker's memory on disk: numbered segment files that are only ever appended to.

A file is an 8-byte mark and then records: length (u32), CRC-32C of kind and payload (u32), kind (u8), payload; all
little-endian. Every segment starts with a snapshot record, so the oldest segments can be deleted once nothing in them
is alive. A record that breaks off at the end of the last file was never acknowledged to anybody: it is cut off, and the
start says so. Damage anywhere else is refused, never repaired by guessing.
"""

import asyncio
import logging
import os
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import google_crc32c
import grpc

from local.rpc import Refused

log = logging.getLogger(__name__)

MARK = b"CMQLOG1\n"
HEADER = struct.Struct("<IIB")
SEGMENT_BYTES = 16 << 20
"""When a segment is full. Small enough that moving the rest of one segment forward blocks for some 10 ms."""


class DamagedLog(Exception):
    """A segment holds bytes that were never written by this broker. Restore the file, or delete the directory."""

    def __init__(self, path: Path, offset: int, why: str) -> None:
        super().__init__(
            f"{path.name} is damaged at byte {offset}: {why}. "
            "Restore the file from a copy, or delete the broker's directory to start empty."
        )


@dataclass(slots=True, eq=False)
class Segment:
    """One file. `live` maps the number of each message still wanted by someone to its size in bytes."""

    path: Path
    size: int = 0
    live: dict[int, int] = field(default_factory=dict)
    live_bytes: int = 0

    def keep(self, number: int, size: int) -> None:
        self.live[number] = size
        self.live_bytes += size

    def let_go(self, number: int) -> None:
        self.live_bytes -= self.live.pop(number, 0)

    @property
    def ordinal(self) -> int:
        return int(self.path.stem)


@dataclass(frozen=True, slots=True)
class Record:
    """A unit of the log: one byte of kind and its payload."""

    kind: int
    payload: bytes

    def framed(self) -> bytes:
        body = bytes((self.kind,)) + self.payload
        return HEADER.pack(len(self.payload), google_crc32c.value(body), self.kind) + self.payload


class SegmentLog:
    """Appends records and reads them back. With `fsync` a record counts as kept once `settled` returns."""

    def __init__(self, directory: Path, *, fsync: bool = False, segment_bytes: int = SEGMENT_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._fsync = fsync
        self._segment_bytes = segment_bytes
        self._fd = -1
        self._written = 0
        self._synced = 0
        self._sync_turn = asyncio.Lock()
        self.segments: deque[Segment] = deque(Segment(path) for path in sorted(directory.glob("*.log")))

    @property
    def current(self) -> Segment:
        return self.segments[-1]

    @property
    def full(self) -> bool:
        """True when the next record belongs in a new segment (and always before the first one)."""
        return self._fd < 0 or self.current.size >= self._segment_bytes

    @property
    def size(self) -> int:
        return sum(segment.size for segment in self.segments)

    def read(self) -> Iterator[tuple[Segment, Record]]:
        """Yields every record from the oldest on, cutting off a torn tail. Call it once, before any append."""
        for segment in list(self.segments):
            yield from self._read_segment(segment, last=segment is self.segments[-1])

    def _read_segment(self, segment: Segment, *, last: bool) -> Iterator[tuple[Segment, Record]]:
        content = segment.path.read_bytes()
        scan = _Scan(segment.path, content)
        for record in scan.records():
            yield segment, record
        segment.size = scan.offset
        if scan.offset == len(content):
            return
        if not last:
            raise DamagedLog(segment.path, scan.offset, "a record breaks off before the end of the log")
        log.warning(
            "cut %d bytes of a torn record off %s at byte %d; they were never acknowledged",
            len(content) - scan.offset,
            segment.path.name,
            scan.offset,
        )
        os.truncate(segment.path, scan.offset)

    def roll(self, first: Record) -> Segment:
        """Starts a new segment with `first` as its opening record."""
        ordinal = self.current.ordinal + 1 if self.segments else 1
        self._close_current()
        segment = Segment(self._directory / f"{ordinal:010d}.log")
        self._fd = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self.segments.append(segment)
        self._write(MARK + first.framed())
        return segment

    def append(self, records: Sequence[Record]) -> Segment:
        """Writes the records with one write(2) and returns the segment they are in."""
        self._write(b"".join([record.framed() for record in records]))
        return self.current

    async def settled(self) -> None:
        """Waits until everything written so far is on the device, if that was asked for; one fsync serves many."""
        if not self._fsync:
            return
        target = self._written
        async with self._sync_turn:
            if self._synced >= target:
                return
            reached = self._written
            await asyncio.to_thread(os.fdatasync, self._fd)
            self._synced = max(self._synced, reached)

    def drop_oldest(self) -> None:
        self.segments.popleft().path.unlink()

    def close(self) -> None:
        self._close_current()

    def _close_current(self) -> None:
        if self._fd >= 0:
            os.fdatasync(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._synced = self._written

    def _write(self, data: bytes) -> None:
        try:
            done = os.write(self._fd, data)
            while done < len(data):
                done += os.write(self._fd, memoryview(data)[done:])
        except OSError as error:
            os.ftruncate(self._fd, self.current.size)
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"The log cannot be written ({error.strerror}). Free disk space."
            ) from error
        self.current.size += len(data)
        self._written += len(data)


@dataclass(slots=True)
class _Scan:
    """Reads one segment's bytes; `offset` ends after the last whole record."""

    path: Path
    content: bytes
    offset: int = 0

    def records(self) -> Iterator[Record]:
        if len(self.content) < len(MARK):
            return
        if not self.content.startswith(MARK):
            raise DamagedLog(self.path, 0, "it does not start with the mark of a log segment")
        self.offset = len(MARK)
        while (record := self._next()) is not None:
            yield record

    def _next(self) -> Record | None:
        start = self.offset + HEADER.size
        if start > len(self.content):
            return None
        length, checksum, kind = HEADER.unpack_from(self.content, self.offset)
        end = start + length
        if end > len(self.content) or kind == 0:
            self._check_torn(end)
            return None
        if google_crc32c.value(self.content[start - 1 : end]) != checksum:
            self._check_torn(end)
            return None
        self.offset = end
        return Record(kind, self.content[start:end])

    def _check_torn(self, end: int) -> None:
        """A broken record may only be the last one, or the zeros a power cut leaves behind."""
        rest = self.content[self.offset :]
        if end < len(self.content) and rest.strip(b"\0"):
            raise DamagedLog(self.path, self.offset, "its checksum does not match and more records follow")
