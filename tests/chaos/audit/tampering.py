"""What somebody could do to a log afterwards: to an export on its way, or with the database in hand but not the signing key."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from audit.log.note import Keyring, Signer
from audit.verify import callmine_verify as verifier

Lines = list[str]
ForgedExport = Callable[[Lines, Random], Lines]

THIEF = Keyring([Signer("callmine.ai/audit", bytes(32))])
"""A key of the same name that nobody trusts."""


def _member(change: Callable[[dict[str, Any], Random], object], of: str = "entry") -> ForgedExport:
    """Change one line, of an entry or of a step of staff access."""

    def forged(lines: Lines, rng: Random) -> Lines:
        places = [place for place, line in enumerate(lines) if f'"{of}":' in line and '"commitments"' not in line]
        place = rng.choice(places)
        line = json.loads(lines[place])
        before = json.dumps(line)
        change(line, rng)
        assert json.dumps(line) != before, "nothing was changed"
        return [*lines[:place], json.dumps(line) + "\n", *lines[place + 1 :]]

    return forged


def _set(*path: str, to: object) -> ForgedExport:
    def change(line: dict[str, Any], _: Random) -> None:
        for name in path[:-1]:
            line = line[name]
        line[path[-1]] = to

    return _member(change, "staff" if path[0] == "staff" else "entry")


def _step_left_out(lines: Lines, rng: Random) -> Lines:
    place = rng.choice([place for place, line in enumerate(lines) if '"staff":' in line])
    return _renumbered([*lines[:place], *lines[place + 1 :]])


def _renumbered(lines: Sequence[str]) -> Lines:
    """With positions that follow each other and an end that fits, as a careful forger leaves them."""
    header, *members, end = lines
    told = [json.loads(line) for line in members]
    fixed = [json.dumps({**line, "i": place}) + "\n" for place, line in enumerate(told)]
    return [header, *fixed, json.dumps({**json.loads(end), "end": len(fixed)}) + "\n"]


def _cut(first: float, last: float) -> ForgedExport:
    def forged(lines: Lines, _: Random) -> Lines:
        count = len(lines) - 2
        low, high = int(first * count), max(int(first * count) + 1, int(last * count))
        return _renumbered([lines[0], *lines[1 : 1 + low], *lines[1 + high :]])

    return forged


def _swapped(lines: Lines, rng: Random) -> Lines:
    one, two = sorted(rng.sample(range(1, len(lines) - 1), 2))
    changed = list(lines)
    changed[one], changed[two] = changed[two], changed[one]
    return _renumbered(changed)


def _twice(lines: Lines, rng: Random) -> Lines:
    place = rng.randrange(1, len(lines) - 1)
    return _renumbered([*lines[:place], lines[place], *lines[place:]])


def _made_up(lines: Lines, rng: Random) -> Lines:
    place = rng.randrange(1, len(lines) - 1)
    member = next(line for line in lines if '"entry"' in line)
    line = json.loads(member)
    line["entry"]["id"] = "01900000-0000-7000-8000-000000000000"
    line.pop("leaf")
    return _renumbered([*lines[:place], json.dumps(line) + "\n", *lines[place:]])


def _header(change: Callable[[dict[str, Any]], None]) -> ForgedExport:
    def forged(lines: Lines, _: Random) -> Lines:
        header = json.loads(lines[0])
        change(header)
        return [json.dumps(header) + "\n", *lines[1:]]

    return forged


def _signed_by_a_thief(header: dict[str, Any]) -> None:
    body = header["checkpoint"].partition("\n\n")[0] + "\n"
    header["checkpoint"] = THIEF.sign(body)


def _sealed_anew(lines: Lines, _: Random) -> Lines:
    """The last entry changed, all hashes and the root made to fit, under the signature that was there."""
    header, workspace = json.loads(lines[0]), json.loads(lines[0])["workspace"]
    place = max(place for place, line in enumerate(lines) if '"entry"' in line)
    changed = json.loads(lines[place])
    changed["entry"]["source"] = "carrier pigeon"
    changed["leaf"] = verifier.entry_leaf(workspace, changed).hex()
    forged = [*lines[:place], json.dumps(changed) + "\n", *lines[place + 1 :]]
    tree = verifier.Tree()
    for line in forged[1:-1]:
        tree.append(bytes.fromhex(json.loads(line)["leaf"]))
    origin, size, _root, rest = header["checkpoint"].split("\n", 3)
    header["checkpoint"] = "\n".join([origin, size, base64.b64encode(tree.root).decode(), rest])
    return [json.dumps(header) + "\n", *forged[1:]]


def _hidden(line: dict[str, Any], _: Random) -> None:
    line.pop("entry", None)
    line.pop("staff", None)
    line.pop("salts")
    line["erased"] = "a request that never was"


def _half_hidden(line: dict[str, Any], _: Random) -> None:
    line["commitments"], line["erased"] = {"actor": "00" * 32}, {"actor": "a request that never was"}


EXPORTS: Mapping[str, ForgedExport] = {
    "id": _set("entry", "id", to="01900000-0000-7000-8000-000000000001"),
    "type": _set("entry", "type", to="no.such"),
    "backdated": _set("entry", "occurred_at", to="2020-01-01T00:00:00.000000Z"),
    "recorded earlier": _set("entry", "recorded_at", to="2020-01-01T00:00:00.000000Z"),
    "actor kind": _set("entry", "actor", "kind", to="nobody"),
    "actor id": _set("entry", "actor", "id", to="user_other"),
    "actor email": _set("entry", "actor", "email", to="other@example.com"),
    "source": _set("entry", "source", to="carrier pigeon"),
    "target kind": _set("entry", "target", "kind", to="moon"),
    "target id": _set("entry", "target", "id", to="moon-1"),
    "diff": _set("entry", "diff", to={"a new": {"before": "field"}}),
    "salt": _set("salts", "actor", to="00" * 32),
    "leaf": _set("leaf", to="00" * 32),
    "field left out": _member(lambda line, _: line["salts"].pop("target")),
    "called erased": _member(_hidden),
    "actor called erased": _member(_half_hidden),
    "removed": _member(lambda line, _: line.pop("entry")),
    "step's id": _set("staff", "id", to="01900000-0000-7000-8000-000000000001"),
    "step's kind": _set("staff", "kind", to="statement.withheld"),
    "step's grant": _set("staff", "grant", to="01900000-0000-7000-8000-000000000001"),
    "step backdated": _set("staff", "at", to="2020-01-01T00:00:00.000000Z"),
    "step's person": _set("staff", "who", "id", to="hedy@callmine.example"),
    "step's side": _member(
        lambda line, _: line["staff"]["who"].update(by_staff=not line["staff"]["who"]["by_staff"]), "staff"
    ),
    "step's object": _set("staff", "what", "reads", to="nothing of yours"),
    "step's rows": _set("staff", "what", "rows", to=1_000),
    "step told less": _member(lambda line, _: line["staff"]["what"].pop("about"), "staff"),
    "step told more": _member(lambda line, _: line["staff"]["what"].update(excuse="x"), "staff"),
    "step's salt left out": _member(lambda line, _: line["salts"].pop("who"), "staff"),
    "step called erased": _member(_hidden, "staff"),
    "step removed": _member(lambda line, _: line.pop("staff"), "staff"),
    "step left out": _step_left_out,
    "head deleted": _cut(0, 0.2),
    "middle deleted": _cut(0.4, 0.6),
    "tail deleted": _cut(0.8, 1),
    "one deleted": _cut(0.5, 0.5),
    "all deleted": _cut(0, 1),
    "reordered": _swapped,
    "duplicated": _twice,
    "inserted": _made_up,
    "end cut off": lambda lines, _: lines[:-1],
    "cut in the middle": lambda lines, _: lines[: len(lines) // 2],
    "sealed anew under the old signature": _sealed_anew,
    "signed by a thief": _header(_signed_by_a_thief),
    "another workspace": _header(lambda header: header.update(workspace="org_other")),
    "not signed": _header(lambda header: header.update(checkpoint=header["checkpoint"].replace("— ", "— x"))),
}


def _columns() -> dict[str, str]:
    """Each column of an entry, changed in one row that is not erased."""
    values = {
        "id": "gen_random_uuid()",
        "type": "CASE WHEN type = 'schedule.edited' THEN 'schedule.deleted' ELSE 'schedule.edited' END",
        "actor_kind": "'staff'",
        "actor_id": "actor_id || 'x'",
        "actor_email": "'other@example.com'",
        "source": "'mcp'",
        "target_kind": "target_kind || 'x'",
        "target_id": "target_id || 'x'",
        "diff": """'{"forged": {"after": "x"}}'""",
        "occurred_at": "occurred_at - interval '1 day'",
        "recorded_at": "recorded_at + interval '1 microsecond'",
        "workspace_id": "'org_proof4'",
    }
    one = "id = (SELECT id FROM entries WHERE {mine} AND actor_id <> '' ORDER BY id LIMIT 1 OFFSET 5)"
    return {f"entries.{name}": f"UPDATE entries SET {name} = {value} WHERE {one}" for name, value in values.items()}


_PLACED = (
    "SELECT id, row_number() OVER (ORDER BY recorded_at, id) AS n, count(*) OVER () AS of FROM entries WHERE {mine}"
)
_OURS = f"DELETE FROM entries e USING ({_PLACED}) p WHERE {{mine}} AND e.id = p.id AND"
_LAST = "first_index = (SELECT max(first_index) FROM log_seals WHERE {mine})"

_GRANTS, _DECISIONS, _READS = (f"UPDATE staff_{table} SET" for table in ("grants", "decisions", "reads"))

_STAFF: Mapping[str, str] = {
    "staff: a statement left out": "DELETE FROM staff_reads WHERE {mine} AND rows = 2",
    "staff: all statements left out": "DELETE FROM staff_reads WHERE {mine}",
    "staff: an end left out": "DELETE FROM staff_decisions WHERE {mine} AND kind = 'ended'",
    "staff: grants left out": "DELETE FROM staff_grants WHERE {mine}",
    "staff_grants.reason": f"{_GRANTS} reason = 'incident' WHERE {{mine}}",
    "staff_grants.ticket": f"{_GRANTS} ticket = 'SUP-1' WHERE {{mine}}",
    "staff_grants.staff": f"{_GRANTS} staff = 'x' || staff WHERE {{mine}}",
    "staff_grants.asked_at": f"{_GRANTS} asked_at = asked_at - interval '1 day' WHERE {{mine}}",
    "staff_decisions.decided_by": f"{_DECISIONS} decided_by = 'x' || decided_by WHERE {{mine}} AND kind = 'approved'",
    "staff_decisions.by_staff": f"{_DECISIONS} by_staff = NOT by_staff WHERE {{mine}} AND kind = 'ended'",
    "staff_decisions.decided_at": f"{_DECISIONS} decided_at = decided_at + interval '1 hour' WHERE {{mine}}",
    "staff_reads.question": f"{_READS} question = 'plan' WHERE {{mine}} AND rows = 2",
    "staff_reads.about": f"{_READS} about = '' WHERE {{mine}} AND rows = 2",
    "staff_reads.rows": f"{_READS} rows = 0 WHERE {{mine}} AND rows = 2",
    "staff_reads.told_at": f"{_READS} told_at = told_at - interval '1 day' WHERE {{mine}} AND rows = 2",
    "staff: sealed again": f"{_READS} leaf_id = NULL WHERE {{mine}} AND rows = 2",
}

DATABASE: Mapping[str, str] = {
    **_columns(),
    **_STAFF,
    "head deleted": f"{_OURS} p.n <= 5",
    "middle deleted": f"{_OURS} p.n BETWEEN p.of / 2 AND p.of / 2 + 4",
    "tail deleted": f"{_OURS} p.n > p.of - 5",
    "all deleted": "DELETE FROM entries WHERE {mine}",
    "inserted": (
        "INSERT INTO entries SELECT workspace_id, gen_random_uuid(), type, actor_kind, actor_id, actor_email, source, target_kind,"
        " target_id, diff, occurred_at, recorded_at FROM entries WHERE {mine} LIMIT 1"
    ),
    "seals reordered": (
        "UPDATE log_seals SET entries = ARRAY(SELECT u.id FROM unnest(entries) WITH ORDINALITY AS u (id, n) ORDER BY u.n DESC)"
        " WHERE {mine} AND cardinality(entries) > 1"
    ),
    "seal lengthened": "UPDATE log_seals SET entries = entries || entries[1] WHERE {mine} AND first_index = 0",
    "seal shortened": "UPDATE log_seals SET entries = entries[2:] WHERE {mine} AND cardinality(entries) > 1",
    "first seal deleted": "DELETE FROM log_seals WHERE {mine} AND first_index = 0",
    "last seal deleted": f"DELETE FROM log_seals WHERE {{mine}} AND {_LAST}",
    "seals deleted": "DELETE FROM log_seals WHERE {mine}",
    "seal moved": f"UPDATE log_seals SET first_index = first_index + 1 WHERE {{mine}} AND {_LAST}",
    "tile changed": "UPDATE log_tiles SET hashes = set_byte(hashes, 4, get_byte(hashes, 4) # 1) WHERE {mine} AND number = 0",
    "size lowered": "UPDATE log_heads SET size = size - 3, anchored_size = 0 WHERE {mine}",
    "size raised": "UPDATE log_heads SET size = size + 3 WHERE {mine}",
    "checkpoint of another log": (
        "UPDATE log_heads SET checkpoint = (SELECT checkpoint FROM log_heads WHERE NOT {mine} AND checkpoint <> '' LIMIT 1)"
        " WHERE {mine}"
    ),
    "checkpoint edited": (
        "UPDATE log_heads SET checkpoint = overlay(checkpoint PLACING 'x' FROM length(checkpoint) - 20) WHERE {mine}"
    ),
    "key changed": "UPDATE log_keys SET key = set_byte(key, 0, get_byte(key, 0) # 1) WHERE {mine} AND subject = 'user_2'",
    "key deleted": "DELETE FROM log_keys WHERE {mine} AND subject = 'user_2'",
    "commitment changed": (
        "UPDATE log_redactions SET commitment = set_byte(commitment, 0, get_byte(commitment, 0) # 1) WHERE {mine}"
    ),
    "redaction deleted": "DELETE FROM log_redactions WHERE {mine}",
    "erasure's request changed": "UPDATE log_erasures SET request_id = 'another' WHERE {mine}",
    "erasure's positions widened": "UPDATE log_erasures SET firsts = ARRAY[0::bigint], lasts = ARRAY[5::bigint] WHERE {mine}",
    "erasure's scope changed": "UPDATE log_erasures SET scope = 'workspace' WHERE {mine}",
    "erasure's time changed": "UPDATE log_erasures SET erased_at = erased_at - interval '1 day' WHERE {mine}",
    "hidden behind an erasure": (
        "WITH gone AS (DELETE FROM entries WHERE {mine} AND actor_id <> ''"
        " AND id = (SELECT id FROM entries WHERE {mine} AND actor_id <> '' ORDER BY id LIMIT 1))"
        " INSERT INTO log_erasures SELECT workspace_id, gen_random_uuid(), 'made up', 'workspace', ARRAY[0::bigint], ARRAY[size - 1], now()"
        " FROM log_heads WHERE {mine}"
    ),
    "edge changed, then sealed": "UPDATE log_heads SET frontier = set_byte(frontier, 0, get_byte(frontier, 0) # 1) WHERE {mine}",
}
"""Statements of somebody whom no policy holds back; `{mine}` ties them to the workspace that is looked at."""

SEALED_AFTERWARDS = frozenset({"edge changed, then sealed"})
"""What shows at the next sealing."""
