#!/usr/bin/env python3
"""callmine-verify-selection: check a filtered export of a Callmine audit log without trusting Callmine.

    python3 callmine_verify_selection.py proof.jsonl --key "callmine.ai/audit+…" --csv callmine-audit-log.csv

It needs callmine_verify.py beside it, Python 3.9 or later and nothing else; it opens no connection. Each entry that is shown is hashed and
put at its position into the Merkle tree, of which the export holds the rest as hashes of subtrees; the tree is checked against the signed
checkpoint. So each entry is proven to be in the log, as it is shown, at its position. NOT proven is that the filter has left nothing out:
of the rest there are hashes only. For that, check the whole export (callmine_verify.py) and filter it yourself.

With --csv, each row of the CSV file that was exported with the same filters is held against the proven entries.

Ends with 0: verified. 1: does not verify; the findings say what and where. 2: called wrongly. 3: a file cannot be read, or is no export.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

if __package__:
    from audit.verify import callmine_verify as whole
else:
    import callmine_verify as whole  # type: ignore[import-not-found, no-redef]

Refuted, Unreadable = whole.Refuted, whole.Unreadable

_HEADER = "callmine_audit_selection"

# What begins a formula in a spreadsheet: Callmine puts an apostrophe before it in CSV files, and leaves NUL out.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_UNSEEN = " \u00a0\u200b\u200c\u200d\u2060\ufeff\x0b\x0c"


class PartialTree(whole.Tree):
    """A growing tree to which whole subtrees can be added by their roots."""

    def graft(self, height: int, root: bytes) -> None:
        """Put a perfect subtree of 2**height leaves at the end, where the size is a multiple of that."""
        size = self.size >> height
        while size & 1:
            root, size = hashlib.sha256(b"\x01" + self._edge.pop() + root).digest(), size >> 1
        self._edge.append(root)
        self.size += 1 << height


class Selection(NamedTuple):
    """What was found. `rows` are the digests of the CSV rows that the proven entries have."""

    checkpoint: whole.Checkpoint | None
    findings: list[str]
    shown: int
    filters: dict[str, str]
    zone: str
    rows: Counter[bytes]


def check(lines: Iterable[str], keys: Sequence[whole.Key]) -> Selection:
    """Check a filtered export, given line by line. Raises Unreadable for what is none."""
    source = iter(lines)
    header = _header(next(source, ""))
    findings: list[str] = []
    rows: Counter[bytes] = Counter()
    checkpoint, shown = None, 0
    try:
        checkpoint = whole.read_checkpoint(header["checkpoint"], keys)
        whole.check_pins(header, checkpoint, ())
        whole.check_anchor(header.get("anchor"), keys)
        shown = _check_lines(source, header["workspace"], checkpoint, findings, rows)
    except Refuted as refuted:
        findings.append(str(refuted))
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise Unreadable(f"a line of the export is not as it should be ({type(error).__name__})") from error
    return Selection(checkpoint, findings, shown, dict(header["filters"]), header["zone"], rows)


def _header(line: str) -> whole.Line:
    try:
        header = json.loads(line)
        if header[_HEADER] == 1 and isinstance(header["filters"], dict):
            found: whole.Line = {**header, "workspace": str(header["workspace"]), "zone": str(header["zone"])}
            return found
    except (ValueError, KeyError, TypeError):
        pass
    raise Unreadable("this is no filtered export with its proof: its first line is not the header of version 1")


def _check_lines(
    source: Iterator[str], workspace: str, checkpoint: whole.Checkpoint, findings: list[str], rows: Counter[bytes]
) -> int:
    tree, claims, shown, ended = PartialTree(), whole.Claims(), 0, False
    for text in source:
        line = json.loads(text)
        if ended:
            raise Refuted("there is something after the end of the export")
        if "end" in line:
            ended = True
            if line["end"] != tree.size or line["shown"] != shown:
                raise Refuted(f"the export says that it ends otherwise than it does, at position {tree.size}")
        elif "skip" in line:
            _skip(tree, line)
        else:
            if line["i"] != tree.size:
                raise Refuted(f"position {line['i']} comes where position {tree.size} should")
            tree.append(whole.leaf_of(workspace, line, claims, findings))
            shown += 1
            rows.update(_digest(row) for row in _rows(line))
    if not ended:
        raise Refuted("the export ends early: it was cut, or something was erased meanwhile")
    if tree.size != checkpoint.size:
        raise Refuted(f"the export covers {tree.size} positions, the checkpoint {checkpoint.size}")
    if tree.root != checkpoint.root:
        raise Refuted("what is shown is not in the log: something was changed, added or moved")
    findings += claims.uncovered()
    return shown


def _skip(tree: PartialTree, line: whole.Line) -> None:
    first, end = line["skip"]
    nodes = iter(line["nodes"])
    if first != tree.size or not isinstance(end, int) or end <= first:
        raise Refuted(f"positions from {first} on are left out where position {tree.size} should come")
    while tree.size < end:
        # The largest subtree that begins here and does not reach beyond the end.
        aligned = (tree.size & -tree.size).bit_length() - 1 if tree.size else 62
        root = bytes.fromhex(next(nodes, ""))
        if len(root) != 32:
            raise Refuted(f"hashes are missing for positions {tree.size} to {end - 1}")
        tree.graft(min(aligned, (end - tree.size).bit_length() - 1), root)
    if next(nodes, None) is not None:
        raise Refuted(f"there are hashes too many before position {end}")


# --- The CSV file ----------------------------------------------------------------------------------------------------


def _rows(line: whole.Line) -> Iterator[list[str]]:
    """The rows that an entry has in the CSV file: one for each field of its diff, one where it has none."""
    if "entry" not in line:
        return
    entry = line["entry"]
    actor, target = entry["actor"], entry["target"]
    before = [_time(entry["occurred_at"]), entry["type"], actor["kind"], actor["id"], actor["email"], entry["source"]]
    after = [_time(entry["recorded_at"]), entry["id"]]
    changes = [(name, sides.get("before") or "", sides.get("after") or "") for name, sides in entry["diff"].items()]
    for change in changes or [("", "", "")]:
        yield [_cell(value) for value in [*before, target["kind"], target["id"], *change, *after]]


def _time(text: str) -> str:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).isoformat()


def _cell(value: str) -> str:
    shown = value.replace("\x00", "")
    return f"'{shown}" if shown.startswith(_FORMULA) or shown.lstrip(_UNSEEN).startswith(_FORMULA) else shown


def _digest(row: Sequence[str]) -> bytes:
    return hashlib.sha256(json.dumps(list(row)).encode("utf-8", "surrogatepass")).digest()


def check_csv(lines: Iterable[str], rows: Counter[bytes]) -> tuple[list[str], int]:
    """Which rows of a CSV file are not those of proven entries, in words; and how many rows of proven entries are not in it."""
    left = Counter(rows)
    findings: list[str] = []
    for number, row in enumerate(csv.reader(lines)):
        if number == 0:
            continue
        digest = _digest(row)
        if left[digest] > 0:
            left[digest] -= 1
        elif len(findings) < 20:
            findings.append(f"row {number + 1} of the CSV file is not in the log as it stands there: entry {row[-1:]}")
    return findings, sum(left.values())


# --- The command -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status."""
    parser = argparse.ArgumentParser(prog="callmine-verify-selection", description="Check a filtered export.")
    parser.add_argument("export", type=Path, help="the filtered export with its proof, JSON lines")
    parser.add_argument("--key", action="append", required=True, help="public key, name+id+base64")
    parser.add_argument("--csv", type=Path, help="the CSV file that was exported with the same filters")
    given = parser.parse_args(arguments)
    try:
        keys = [whole.read_key(key) for key in given.key]
        with given.export.open(encoding="utf-8", newline="\n") as file:
            found = check(file, keys)
        findings, missing = list(found.findings), 0
        if given.csv and not findings:
            with given.csv.open(encoding="utf-8-sig", newline="") as file:
                findings, missing = check_csv(file, found.rows)
    except (OSError, UnicodeDecodeError, Unreadable, Refuted) as error:
        sys.stderr.write(f"cannot be checked: {error}\n")
        return whole.UNREADABLE
    if findings or found.checkpoint is None:
        sys.stdout.write("".join(["DOES NOT VERIFY\n", *(f"  - {finding}\n" for finding in findings)]))
        return whole.REFUTED
    sys.stdout.write(_told(found, found.checkpoint, missing if given.csv else None))
    return whole.VERIFIED


def _told(found: Selection, checkpoint: whole.Checkpoint, missing: int | None) -> str:
    filters = ", ".join(f"{name} {value!r}" for name, value in found.filters.items()) or "none"
    lines = [
        f"verified: {found.shown} of the {checkpoint.size} entries of {checkpoint.origin} are shown, each as it stands in the log",
        f"  - the filters are said to be: {filters} (days as in {found.zone})",
        f"  - NOT proven: that none of the {checkpoint.size - found.shown} others belongs to them; the whole export proves that",
    ]
    if missing is not None:
        lines.append(
            f"  - each row of the CSV file is one of a proven entry; {missing} rows of proven entries are not in it"
        )
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
