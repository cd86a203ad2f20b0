#!/usr/bin/env python3
"""callmine-verify: check an export of a Callmine audit log, the evidence of its trust page, or a certificate, without trusting Callmine.

    python3 callmine_verify.py export.jsonl --key "callmine.ai/audit+…" --pinned checkpoint.txt --pin checkpoint.txt
    python3 callmine_verify.py evidence evidence.intoto.jsonl --key "callmine.ai/trust+…"
    python3 callmine_verify.py certificate callmine-erasure-certificate.json --key "callmine.ai/erasures+…"

It needs Python 3.9 or later and nothing else; it opens no connection. It recomputes each entry's hash and the Merkle tree (RFC 6962) over
all of them, checks the tree against the signed checkpoint (C2SP signed-note, tlog-checkpoint, Ed25519 as in RFC 8032), and against each
checkpoint that was pinned earlier: nothing that was there then may have been changed, removed or moved. Memory does not grow with the
entries. What Callmine's staff did is in the same log; --staff prints it.

With `evidence` it checks each line's signature (DSSE, Ed25519) and tells what the statement in it (in-toto) says was proved, when, of which
commit. With `certificate` it does so for the erasure of a workspace, of one report or of one person's data: what each service erased, and
when nothing was left.

Ends with 0: verified. 1: does not verify; the findings say what and where. 2: called wrongly. 3: a file cannot be read, or is no export.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

VERIFIED, REFUTED, UNREADABLE = 0, 1, 3
MOST_FINDINGS = 20
VERSIONS = (1, 2)  # with the second came steps of staff access

ENTRY, ERASURE, STAFF = "callmine-audit-entry/v1", "callmine-audit-erasure/v1", "callmine-audit-staff/v1"
EVIDENCE, STATEMENT = "application/vnd.in-toto+json", "https://in-toto.io/Statement/v1"
PROMISE, CERTIFICATE = "https://callmine.ai/trust/promise/v1", "https://callmine.ai/erasure/certificate/v1"
REPORT_CERTIFICATE = "https://callmine.ai/erasure/report-certificate/v1"
PERSON_CERTIFICATE = "https://callmine.ai/erasure/person-certificate/v1"
CERTIFICATES = (CERTIFICATE, REPORT_CERTIFICATE, PERSON_CERTIFICATE)
PART, ANCHOR = b"callmine-audit-part/v1\n", b"callmine-audit-anchor/v1\n"

_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_sha256 = hashlib.sha256


class Unreadable(Exception):
    """The input is not what it should be; nothing can be said of the log."""


class Refuted(Exception):
    """The log is not what it is said to be, and reading on says no more."""


# --- Ed25519, RFC 8032, section 5.1.7 -------------------------------------------------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)

Point = tuple[int, int, int, int]  # extended homogeneous coordinates: x = X/Z, y = Y/Z, x·y = T/Z


def _add(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % _P
    b = (one[1] + one[0]) * (two[1] + two[0]) % _P
    c, d = 2 * one[3] * two[3] * _D % _P, 2 * one[2] * two[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            found = _add(found, point)
        point, scalar = _add(point, point), scalar >> 1
    return found


def _same(one: Point, two: Point) -> bool:
    return (one[0] * two[2] - two[0] * one[2]) % _P == 0 and (one[1] * two[2] - two[1] * one[2]) % _P == 0


def _point(encoded: bytes) -> Point | None:
    """Decode a point (5.1.3); None where there is none."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    squared = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(squared, (_P + 3) // 8, _P)
    if (x * x - squared) % _P:
        x = x * _ROOT % _P
    if (x * x - squared) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` over `message` was made with the private half of `public`."""
    if len(public) != 32 or len(signature) != 64 or _BASE is None:
        return False
    key, nonce, scalar = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= _L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    return _same(_times(scalar, _BASE), _add(nonce, _times(challenge, key)))


# --- Signed notes and checkpoints, https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint ----------------


class Key(NamedTuple):
    """A public key."""

    name: str
    id: bytes
    public: bytes


class Checkpoint(NamedTuple):
    """A log's state; `note` is the signed text."""

    origin: str
    size: int
    root: bytes
    note: str


def read_key(text: str) -> Key:
    """A key as it is published, `name+id+base64`. Raises Unreadable."""
    try:
        name, key_id, data = text.strip().split("+", 2)
        raw = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        raise Unreadable("--key is no key of a signed note: expected name+id+base64") from None
    made = _sha256(name.encode() + b"\n" + raw).digest()[:4]
    if len(raw) != 33 or raw[0] != 1 or made.hex() != key_id:
        raise Unreadable("--key is no Ed25519 key of a signed note: type, length or id do not fit")
    return Key(name, made, raw[1:])


def read_checkpoint(note: str, keys: Sequence[Key]) -> Checkpoint:
    """The checkpoint in a note that one of `keys` has signed. Raises Refuted when none has, Unreadable for what is no note."""
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise Unreadable("a checkpoint is no signed note: it has no signature lines")
    text += "\n"
    signed = [_signed(line, text, keys) for line in tail[:-1].split("\n")]
    if not any(signed):
        raise Refuted("the checkpoint is not signed by the key that you trust")
    lines = text.split("\n")
    try:
        size, root = int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (ValueError, IndexError, binascii.Error):
        raise Unreadable("a signed note holds no checkpoint: expected origin, size and root") from None
    if len(root) != 32 or size < 0 or str(size) != lines[1]:
        raise Unreadable("a signed note holds no checkpoint: expected origin, size and root")
    return Checkpoint(lines[0], size, root, note)


def _signed(line: str, text: str, keys: Sequence[Key]) -> bool:
    try:
        dash, name, data = line.split(" ")
        raw = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        raise Unreadable("a signature line of a checkpoint cannot be read") from None
    for key in keys:
        if dash == "—" and (name, raw[:4]) == (key.name, key.id):
            if not ed25519_verifies(key.public, text.encode(), raw[4:]):
                raise Refuted("the checkpoint's signature is wrong")
            return True
    return False


# --- The Merkle tree, RFC 6962, section 2.1 -------------------------------------------------------------------------


class Tree:
    """A growing tree of which only the roots of its perfect subtrees are kept."""

    def __init__(self) -> None:
        """An empty tree."""
        self.size = 0
        self._edge: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Put a leaf's hash at the end."""
        size = self.size
        while size & 1:
            leaf, size = _sha256(b"\x01" + self._edge.pop() + leaf).digest(), size >> 1
        self._edge.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._edge:
            return _sha256(b"").digest()
        root = self._edge[-1]
        for left in self._edge[-2::-1]:
            root = _sha256(b"\x01" + left + root).digest()
        return root


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` shows that `leaf` is at `index` in the tree of `size` leaves under `root` (RFC 9162, 2.1.3.2)."""
    number, last, computed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            computed = _sha256(b"\x01" + sibling + computed).digest()
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            computed = _sha256(b"\x01" + computed + sibling).digest()
        number, last = number >> 1, last >> 1
    return 0 <= index < size and last == 0 and computed == root


# --- Entries --------------------------------------------------------------------------------------------------------

Line = Mapping[str, Any]


def entry_leaf(workspace: str, line: Line) -> bytes:
    """The leaf hash of an entry as the export tells it."""
    entry = line["entry"]
    data = [
        ENTRY,
        workspace,
        entry["id"],
        entry["type"],
        entry["actor"]["kind"],
        entry["source"],
        entry["target"]["kind"],
        entry["occurred_at"],
        entry["recorded_at"],
        _committed(line, "actor", lambda: [entry["actor"]["id"], entry["actor"]["email"]]),
        _committed(line, "target", lambda: [entry["target"]["id"], _diff(entry["diff"])]),
    ]
    return _sha256(b"\x00" + _json(data).encode()).digest()


def _committed(line: Line, part: str, content: Any) -> str:
    erased = line.get("commitments", {}).get(part)
    if erased is not None:
        return str(erased)
    salt = bytes.fromhex(line["salts"][part])
    return _sha256(PART + salt + _json(content()).encode()).hexdigest()


def _diff(diff: Mapping[str, Mapping[str, str]]) -> list[list[str | None]]:
    return [[field, diff[field].get("before"), diff[field].get("after")] for field in sorted(diff)]


def erasure_leaf(workspace: str, erasure: Line) -> bytes:
    """The leaf hash of the record of an erasure."""
    data = [ERASURE, workspace, *(erasure[name] for name in ("id", "request", "scope", "erased_at", "positions"))]
    return _sha256(b"\x00" + _json(data).encode()).digest()


def staff_leaf(workspace: str, line: Line) -> bytes:
    """The leaf hash of a step of staff access as the export tells it."""
    step = line["staff"]
    who, what = step["who"], step["what"]
    data = [STAFF, workspace, *(step[name] for name in ("id", "kind", "grant", "at"))]
    data += [
        _committed(line, "who", lambda: [who["id"], who["by_staff"]]),
        _committed(line, "what", lambda: [[name, what[name]] for name in sorted(what)]),
    ]
    return _sha256(b"\x00" + _json(data).encode()).digest()


class Claims:
    """What the export says was erased, to be covered by erasures that are themselves in the log."""

    def __init__(self) -> None:
        """Nothing so far."""
        self._claimed: dict[tuple[str, bool], list[list[int]]] = {}
        self.recorded: dict[str, Line] = {}
        self.steps: list[Line] = []

    def claim(self, request: str, index: int, *, whole: bool) -> None:
        """Note that the entry at a position, the whole or a part of it, is said to have been erased for a request."""
        runs = self._claimed.setdefault((request, whole), [])
        if runs and index <= runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])

    def uncovered(self) -> Iterator[str]:
        """Claims that no erasure in the log covers."""
        for (request, whole), claimed in sorted(self._claimed.items()):
            record = self.recorded.get(request)
            # On a person's request only what tells of the person goes, not the entry.
            covered = record["positions"] if record and (record["scope"] == "workspace" or not whole) else []
            for first, last in claimed:
                if not any(low <= first and last <= high for low, high in covered):
                    claimed_for = f"positions {first} to {last} are said to be erased on request {request}"
                    yield f"{claimed_for}, but no erasure in the log says so"


# --- Checking -------------------------------------------------------------------------------------------------------


class Report(NamedTuple):
    """What was found."""

    checkpoint: Checkpoint | None
    findings: list[str]
    erased: list[str]
    anchored: int | None
    steps: Sequence[Line] = ()


def check(lines: Iterable[str], keys: Sequence[Key], pinned: Sequence[Checkpoint] = ()) -> Report:
    """Check an export, given line by line. Raises Unreadable for what is no export."""
    source = iter(lines)
    findings: list[str] = []
    claims = Claims()
    header = _header(next(source, ""))
    checkpoint = anchored = None
    try:
        checkpoint = read_checkpoint(header["checkpoint"], keys)
        check_pins(header, checkpoint, pinned)
        anchored = check_anchor(header.get("anchor"), keys)
        _check_lines(source, header["workspace"], checkpoint, pinned, claims, findings)
        findings += claims.uncovered()
    except Refuted as refuted:
        findings.append(str(refuted))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable(f"a line of the export is not as it should be ({type(error).__name__})") from error
    erased = [
        f"request {record['request']}: {record['scope']}, {_counted(record)} entries, {record['erased_at']}"
        for record in claims.recorded.values()
    ]
    return Report(checkpoint, findings, erased, anchored, claims.steps)


def _counted(record: Line) -> int:
    return sum(last - first + 1 for first, last in record["positions"])


def _header(line: str) -> Line:
    try:
        header = json.loads(line)
        if header["callmine_audit_export"] in VERSIONS and isinstance(header["workspace"], str):
            found: Line = header
            return found
    except (ValueError, KeyError, TypeError):
        pass
    raise Unreadable("this is no export that this verifier knows: its first line is not the header of version 1 or 2")


def check_pins(header: Line, checkpoint: Checkpoint, pinned: Sequence[Checkpoint]) -> None:
    if not checkpoint.origin.endswith(f"/workspaces/{header['workspace']}"):
        raise Refuted(f"the checkpoint is that of another log: {checkpoint.origin}")
    for pin in pinned:
        if pin.origin != checkpoint.origin:
            raise Refuted(f"the pinned checkpoint is of another log: {pin.origin}")
        if pin.size > checkpoint.size:
            raise Refuted(
                f"the log had {pin.size} entries when you pinned it and has {checkpoint.size} now: its end was removed"
            )


def check_anchor(anchor: Line | None, keys: Sequence[Key]) -> int | None:
    """The size at which the log was put into the global log; None where it was not yet."""
    if anchor is None:
        return None
    whole = read_checkpoint(anchor["global"], keys)
    data = _sha256(ANCHOR + bytes.fromhex(anchor["blind"]) + anchor["checkpoint"].encode()).digest()
    path = [bytes.fromhex(one) for one in anchor["path"]]
    if not whole.origin.endswith("/global") or not included(
        _sha256(b"\x00" + data).digest(), anchor["index"], whole.size, path, whole.root
    ):
        raise Refuted("the checkpoint that the global log is said to hold is not in it")
    return read_checkpoint(anchor["checkpoint"], keys).size


def _check_lines(
    source: Iterator[str],
    workspace: str,
    checkpoint: Checkpoint,
    pinned: Sequence[Checkpoint],
    claims: Claims,
    findings: list[str],
) -> None:
    tree, ended = Tree(), False
    pins = {pin.size: pin for pin in pinned}
    _check_pin(tree, pins)
    for text in source:
        line = json.loads(text)
        if ended:
            raise Refuted("there is something after the end of the export")
        if "end" in line:
            ended = True
            if line["end"] != tree.size:
                raise Refuted(f"the export says that it ends after {line['end']} entries, and has {tree.size}")
            for stray in line.get("strays", ()):
                _note(findings, f"entry {stray['id']} is in the database and was never given a place in the log")
            continue
        if line["i"] != tree.size:
            raise Refuted(
                f"position {line['i']} comes where position {tree.size} should: something is missing or twice there"
            )
        tree.append(leaf_of(workspace, line, claims, findings))
        _check_pin(tree, pins)
    if not ended:
        raise Refuted(
            f"the export ends early, after {tree.size} of {checkpoint.size} entries: it was cut, or something was erased meanwhile"
        )
    if tree.size != checkpoint.size:
        raise Refuted(f"the export has {tree.size} entries, the checkpoint {checkpoint.size}")
    if tree.root != checkpoint.root:
        raise Refuted("the entries do not give the checkpoint's root: something was changed, removed, added or moved")


def _check_pin(tree: Tree, pins: Mapping[int, Checkpoint]) -> None:
    pin = pins.get(tree.size)
    if pin is not None and pin.root != tree.root:
        raise Refuted(f"the first {pin.size} entries are not those that you pinned: the past was rewritten")


def leaf_of(workspace: str, line: Line, claims: Claims, findings: list[str]) -> bytes:
    """The hash of a line's leaf. Where it is not the one that was sealed, that is told, and the sealed one used."""
    index, sealed = line["i"], line.get("leaf")
    if "erasure" in line:
        record = line["erasure"]
        claims.recorded[record["request"]] = record
        made = erasure_leaf(workspace, record)
    elif "entry" in line:
        for request in set(line.get("erased", {}).values()):
            claims.claim(request, index, whole=False)
        if set(line.get("commitments", {})) != set(line.get("erased", {})):
            _note(findings, f"the entry at position {index} is hidden in part, and no request is named for it")
        made = entry_leaf(workspace, line) if _complete(line) else b""
    elif "staff" in line:
        claims.steps.append(line["staff"])
        made = staff_leaf(workspace, line) if set(line["salts"]) == {"who", "what"} else b""
    elif isinstance(line.get("erased"), str):
        claims.claim(line["erased"], index, whole=True)
        return bytes.fromhex(sealed or "")
    else:
        _note(findings, f"the entry at position {index} was removed, and no erasure accounts for it")
        return bytes.fromhex(sealed) if sealed else b""
    if sealed is not None and made.hex() != sealed:
        _note(findings, f"the entry at position {index} is not the one that was sealed there")
        return bytes.fromhex(sealed)
    return made


def _complete(line: Line) -> bool:
    given = set(line.get("salts", {})) | set(line.get("commitments", {}))
    return given >= {"actor", "target"}


def _note(findings: list[str], finding: str) -> None:
    findings.append(finding)
    if len(findings) >= MOST_FINDINGS:
        raise Refuted("there are more findings than are listed")


# --- Signed statements: https://in-toto.io/Statement/v1 in https://github.com/secure-systems-lab/dsse ------------------


def statement_of(line: str) -> Line:
    """The statement on a promise in an envelope, whoever may have signed it. Raises Unreadable."""
    return _opened(line, (PROMISE,))[1]


def check_evidence(line: str, keys: Sequence[Key]) -> Line:
    """The statement in an envelope that one of `keys` has signed. Raises Refuted when none has, Unreadable for what is no evidence."""
    return _signed_statement(line, (PROMISE,), keys)


def check_certificate(line: str, keys: Sequence[Key]) -> Line:
    """The statement of a certificate that one of `keys` has signed. Raises Refuted when none has, Unreadable for what is none."""
    return _signed_statement(line, CERTIFICATES, keys)


def _signed_statement(line: str, about: Sequence[str], keys: Sequence[Key]) -> Line:
    envelope, statement, payload = _opened(line, about)
    kind = EVIDENCE.encode()
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    for one in envelope["signatures"]:
        try:
            signature = base64.b64decode(one["sig"], validate=True)
        except (ValueError, binascii.Error):
            raise Unreadable("a signature of an envelope cannot be read") from None
        if any(one["keyid"] == key.id.hex() and ed25519_verifies(key.public, message, signature) for key in keys):
            return statement
    what = "certificate" if about == CERTIFICATES else f"evidence on {statement['predicate']['promise']}"
    raise Refuted(f"the {what} is not signed by the key that you trust")


def _opened(line: str, about: Sequence[str]) -> tuple[Line, Line, bytes]:
    try:
        envelope = json.loads(line)
        payload = base64.b64decode(envelope["payload"], validate=True)
        statement = json.loads(payload)
        told = statement["predicate"]
        known = (envelope["payloadType"], statement["_type"]) == (EVIDENCE, STATEMENT)
        known = known and statement["predicateType"] in about
        named = [told["workspace" if about == CERTIFICATES else "promise"]]
        named += [told["report"]] if statement["predicateType"] == REPORT_CERTIFICATE else []
        named += [told["erasure"]] if statement["predicateType"] == PERSON_CERTIFICATE else []
        if known and isinstance(envelope["signatures"], list) and all(isinstance(one, str) for one in named):
            return envelope, statement, payload
    except (ValueError, KeyError, TypeError, binascii.Error):
        pass
    if about == CERTIFICATES:
        raise Unreadable("this is no certificate: expected an envelope with a statement on an erasure")
    raise Unreadable("this is no evidence: expected an envelope with a statement on a promise on each line")


def told_certificate(statement: Line) -> str:
    """What a certificate says, in words."""
    told = statement["predicate"]
    kept = "within" if told["in_time"] is True else "NOT within"
    of = {
        REPORT_CERTIFICATE: f"report {told.get('report')} of ",
        PERSON_CERTIFICATE: f"what request {told.get('erasure')} names of one person in ",
    }.get(statement["predicateType"], "")
    lines = [
        f"{of}workspace {told['workspace']} was erased at {told['completed_at']}, {kept} the time promised, {told['deadline']}"
    ]
    lines += [f"  {told['sentence']}"]
    for one in told["services"]:
        counts = f"{sum(one['rows'].values())} rows and {one['objects']} objects"
        lines += [f"  - {one['service']}: {counts} at {one['erased_at']}; nothing left at {one['verified_at']}"]
    lines += [f"  remains: {one}" for one in told["remains"]]
    return "".join(f"{line}\n" for line in lines)


def certificate_main(arguments: Sequence[str]) -> int:
    """Run the command on a certificate; its exit status."""
    parser = argparse.ArgumentParser(
        prog="callmine-verify certificate",
        description="Check a certificate of the erasure of a Callmine workspace, of one report or of one person's data.",
    )
    parser.add_argument("certificate", type=Path, help="the signed file, as /settings/data hands it out")
    parser.add_argument(
        "--key", action="append", required=True, help="public key, name+id+base64, as /trust/certificate-keys has it"
    )
    given = parser.parse_args(arguments)
    try:
        keys = [read_key(key) for key in given.key]
        words = told_certificate(check_certificate(given.certificate.read_text(encoding="utf-8"), keys))
    except (OSError, UnicodeDecodeError, Unreadable, KeyError, TypeError, AttributeError) as error:
        sys.stderr.write(f"cannot be checked: {error}\n")
        return UNREADABLE
    except Refuted as error:
        sys.stdout.write(f"DOES NOT VERIFY\n  - {error}\n")
        return REFUTED
    sys.stdout.write(words)
    return VERIFIED


def told_evidence(statement: Line) -> tuple[str, bool]:
    """What a statement says, in words, and whether all of it held."""
    told = statement["predicate"]
    failed = [one["id"] for one in told["checks"] if one["passed"] is not True]
    spared = [one["id"] for one in told["mutants"] if one["red"] is not True]
    commit = next(
        (one["digest"]["gitCommit"] for one in statement["subject"] if "gitCommit" in one["digest"]), "unknown"
    )
    holds = not failed and not spared and bool(told["checks"])
    lines = [f"{told['promise']}: {'proved' if holds else 'DID NOT HOLD'} at {told['proved_at']}, commit {commit}"]
    lines += [f"  {told['sentence']}"]
    lines += [f"  - {len(told['checks'])} checks, {len(told['mutants'])} mutants that had to be noticed"]
    lines += [f"  - {one} failed" for one in failed] + [f"  - {one} was not noticed" for one in spared]
    return "".join(f"{line}\n" for line in lines), holds


def evidence_main(arguments: Sequence[str]) -> int:
    """Run the command on evidence; its exit status."""
    parser = argparse.ArgumentParser(
        prog="callmine-verify evidence", description="Check evidence of Callmine's trust page."
    )
    parser.add_argument("bundle", type=Path, help="evidence, as /trust/evidence.intoto.jsonl hands it out")
    parser.add_argument(
        "--key", action="append", required=True, help="public key, name+id+base64, as /trust/keys has it"
    )
    given = parser.parse_args(arguments)
    try:
        keys = [read_key(key) for key in given.key]
        lines = given.bundle.read_text(encoding="utf-8").splitlines()
        found = [told_evidence(check_evidence(line, keys)) for line in lines]
    except (OSError, UnicodeDecodeError, Unreadable, KeyError, TypeError, AttributeError) as error:
        sys.stderr.write(f"cannot be checked: {error}\n")
        return UNREADABLE
    except Refuted as error:
        sys.stdout.write(f"DOES NOT VERIFY\n  - {error}\n")
        return REFUTED
    sys.stdout.write("".join(words for words, _ in found) or "there is no evidence in it\n")
    return VERIFIED if found and all(holds for _, holds in found) else REFUTED


# --- The command ----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "evidence":
        return evidence_main(arguments[1:])
    if arguments and arguments[0] == "certificate":
        return certificate_main(arguments[1:])
    parser = argparse.ArgumentParser(prog="callmine-verify", description="Check an export of a Callmine audit log.")
    parser.add_argument("export", help="the export, JSON lines; - for standard input")
    parser.add_argument(
        "--key", action="append", required=True, help="public key, name+id+base64; more than once while keys change"
    )
    parser.add_argument(
        "--pinned", action="append", default=[], type=Path, help="file with a checkpoint from an earlier check"
    )
    parser.add_argument(
        "--staff", action="store_true", help="print each step of staff access, as JSON lines, once all has verified"
    )
    parser.add_argument("--pin", type=Path, help="file to keep the export's checkpoint in, once it has verified")
    given = parser.parse_args(arguments)
    try:
        keys = [read_key(key) for key in given.key]
        pinned = [read_checkpoint(path.read_text(encoding="utf-8"), keys) for path in given.pinned]
        if given.export == "-":
            report = check(sys.stdin, keys, pinned)
        else:
            with Path(given.export).open(encoding="utf-8", newline="\n") as file:
                report = check(file, keys, pinned)
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        sys.stderr.write(f"cannot be checked: {error}\n")
        return UNREADABLE
    except Refuted as error:
        sys.stderr.write(f"cannot be checked: the pinned checkpoint does not hold: {error}\n")
        return UNREADABLE
    if report.findings or report.checkpoint is None:
        sys.stdout.write("".join(["DOES NOT VERIFY\n", *(f"  - {finding}\n" for finding in report.findings)]))
        return REFUTED
    sys.stdout.write(_told(report, report.checkpoint, pinned))
    if given.staff:
        sys.stdout.write("".join(f"{_json(step)}\n" for step in report.steps))
    if given.pin:
        given.pin.write_text(report.checkpoint.note, encoding="utf-8")
    return VERIFIED


def _told(report: Report, checkpoint: Checkpoint, pinned: Sequence[Checkpoint]) -> str:
    lines = [f"verified: {checkpoint.size} entries of {checkpoint.origin}, nothing missing"]
    lines += [f"  - begins with the {pin.size} entries that you pinned, unchanged" for pin in pinned]
    if not pinned:
        lines.append(
            "  - no earlier checkpoint was given: keep this one with --pin, and give it with --pinned next time"
        )
    lines += [f"  - erased on {erased}" for erased in report.erased]
    if report.steps:
        grants = len({step["grant"] for step in report.steps})
        lines.append(
            f"  - {len(report.steps)} of them are steps of staff access, under {grants} grants: --staff prints them"
        )
    if report.anchored is not None:
        lines.append(f"  - the global log holds this log's checkpoint at {report.anchored} entries")
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
