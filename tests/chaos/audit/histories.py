"""Honest histories, with erasures and pins in between: none of them may raise an alarm; and what is done to an export must raise one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from audit.verify import callmine_verify as verifier
from chaos.audit.books import KEYRING, Book
from chaos.audit.tampering import EXPORTS

_KEYS = [verifier.read_key(KEYRING.verifiers[0].text)]


@dataclass(slots=True)
class Told:
    """What came of some histories."""

    histories: int = 0
    tampers: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    alarms: list[str] = field(default_factory=list)
    unnoticed: list[str] = field(default_factory=list)

    def add(self, other: Told) -> None:
        """Count another's with these."""
        self.histories += other.histories
        self.tampers += other.tampers
        self.found += other.found
        self.alarms += other.alarms
        self.unnoticed += other.unnoticed


def written(seed: int) -> tuple[Book, list[str], list[str]]:
    """A history drawn from a seed: the book, checkpoints along its way, and an export from the middle."""
    rng = Random(seed)
    book = Book(seed)
    pins: list[str] = []
    older: list[str] = []
    steps = rng.randrange(2, 7)
    for step in range(steps):
        book.write(rng.randrange(3, 25))
        if rng.random() < 0.3 or step == 0:
            book.look(rng.randrange(1, 4))
        if rng.random() < 0.4:
            book.erase_person(f"user_{rng.randrange(4)}", f"request {step}")
        if rng.random() < 0.05:
            book.erase_all(f"the end {step}")
        pins.append(book.checkpoint())
        if step == steps // 2 - 1:
            older = book.lines()
    # So that there is something of each kind that nothing was erased of.
    book.write(3)
    book.look(1)
    return book, pins, older


def honest(seeds: Iterable[int]) -> Told:
    """Check whole histories against every checkpoint of theirs."""
    told = Told()
    for seed in seeds:
        book, pins, _ = written(seed)
        pinned = [verifier.read_checkpoint(pins[0], _KEYS), verifier.read_checkpoint(pins[-1], _KEYS)]
        report = verifier.check(book.lines(), _KEYS, pinned)
        told.histories += 1
        told.alarms += [f"seed {seed}: false alarm: {one}" for one in report.findings]
    return told


def tampered(seeds: Iterable[int]) -> Told:
    """Do everything there is to exports, and check each against one checkpoint that was pinned half-way."""
    told = Told()
    for seed in seeds:
        rng = Random(seed)
        book, pins, older = written(seed)
        lines = book.lines()
        pinned = [verifier.read_checkpoint(pins[len(pins) // 2], _KEYS)]
        forgeries = {name: forge(lines, rng) for name, forge in EXPORTS.items()}
        forgeries["an older backup"] = older
        for name, forged in forgeries.items():
            told.tampers[name] += 1
            try:
                noticed = bool(verifier.check(forged, _KEYS, pinned).findings)
            except verifier.Unreadable:
                noticed = True
            if noticed:
                told.found[name] += 1
            else:
                told.unnoticed.append(f"seed {seed}: not noticed in an export: {name}")
    return told
