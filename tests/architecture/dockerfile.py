"""deploy/Dockerfile as instructions, and the rules for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|PRIVATE|_KEY\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a stage; `stage` is empty before the first FROM."""

    stage: str
    name: str
    rest: str


def instructions(text: str) -> list[Instruction]:
    """In order, with continued lines joined and comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: list[Instruction] = []
    stage = ""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if name.upper() == "FROM":
            stage = rest.rpartition(" AS ")[2]
        if name:
            found.append(Instruction(stage, name.upper(), rest.strip()))
    return found


def problems(text: str) -> list[str]:
    """What is wrong with a Dockerfile's text, in words; empty when nothing is."""
    found = instructions(text)
    stages = [one.stage for one in found if one.name == "FROM"]
    own = [_runs_well([one for one in found if one.stage == stage], stage) for stage in ("service", "stand-ins")]
    rules = [_bases(found, stages), _installs(found), _copies(found), _secrets(found), *own]
    last = [] if stages[-1] == "service" else ["the last stage is not the service: it is what is built by default"]
    return [*last, *(problem for rule in rules for problem in rule)]


def _bases(found: list[Instruction], stages: list[str]) -> Iterator[str]:
    known: set[str] = set()
    for one in found:
        if one.name == "FROM":
            base = one.rest.split(" AS ")[0]
            if base != "${BASE}" and base not in known:
                yield f"FROM {base}: every stage begins with BASE, which deploy/images.yaml pins, or with an earlier stage"
            known.add(one.stage)
    if [one.rest for one in found if one.name == "ARG" and not one.stage] != ["BASE"]:
        yield "BASE is the one argument before the first stage, and has no default: a default would not be pinned"
    if len(stages) != len(set(stages)):
        yield "two stages have one name"


def _installs(found: list[Instruction]) -> Iterator[str]:
    for one in found:
        if one.name != "RUN":
            continue
        if re.search(r'pip"?,? "?install', one.rest) and "--require-hashes" not in one.rest:
            yield f"{one.stage}: installs without hashes: {one.rest}"
        if re.search(r"\b(apt-get|apk|curl|wget|git|sudo)\b", one.rest):
            yield f"{one.stage}: takes something that no lock pins: {one.rest}"
        if one.stage == "service" and "install" in one.rest.replace("uninstall", ""):
            yield f"service: installs at the end, so that a tool stays in the image: {one.rest}"


def _copies(found: list[Instruction]) -> Iterator[str]:
    for one in found:
        if one.name == "ADD":
            yield f"{one.stage}: ADD unpacks and downloads; COPY does neither"
        sources = [part for part in one.rest.split() if not part.startswith("--")][:-1] if one.name == "COPY" else []
        if {".", "./", "*"} & set(sources):
            yield f"{one.stage}: copies everything there is: {one.rest}"
        if one.stage == "service" and one.name == "COPY" and "--from=build" not in one.rest:
            yield f"service: copies past the build: {one.rest}"
        if one.stage == "service" and "--chown=" in one.rest and "--chown=0:0" not in one.rest:
            yield "service: its own files belong to root, so that it cannot change them"


def _secrets(found: list[Instruction]) -> Iterator[str]:
    for one in found:
        if one.name in {"ARG", "ENV"} and _SECRET.search(one.rest):
            yield f"{one.stage}: a secret would stay in the image's history: {one.rest.split('=')[0]}"


def _runs_well(stage: list[Instruction], name: str) -> Iterator[str]:
    kinds = [one.name for one in stage]
    users = [one.rest for one in stage if one.name == "USER"]
    if not users or not all(re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user) for user in users):
        yield f"{name}: runs as a user that is not root, by numbers"
    elif any(kind in {"RUN", "COPY", "ADD"} for kind in kinds[kinds.index("USER") :]):
        yield f"{name}: changes files after it has become its user"
    for kind in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        told = [one.rest for one in stage if one.name == kind]
        if len(told) != 1:
            yield f"{name}: has one {kind}"
        elif not _exec_form(told[0].partition("CMD ")[2] if kind == "HEALTHCHECK" else told[0]):
            yield f"{name}: {kind} in exec form: a shell would be process 1, and would not pass SIGTERM on"
    if [one.rest for one in stage if one.name == "STOPSIGNAL"] != ["SIGTERM"]:
        yield f"{name}: is stopped by SIGTERM"
    if "VOLUME" in kinds:
        yield f"{name}: keeps nothing: no VOLUME"


def _exec_form(text: str) -> bool:
    try:
        parts = json.loads(text)
    except ValueError:
        return False
    return isinstance(parts, list) and all(isinstance(part, str) for part in parts)
