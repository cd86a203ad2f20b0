"""Speed: the vault's encryption beside Tink's own primitive, on the same credentials, in rounds that take turns on one core.

`tink_ratio` is the same job done by both: a text becomes a ciphertext and a text again, with associated data that is at hand. Beside it
stand the same with Tink spared the text (it is given bytes and gives bytes), and with ours making each slot within the round as well.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import tink
from tink import aead

from chaos.harness import Figure, Plan
from core.ids import WorkspaceId
from credential_vault.domain.credentials import Provider, Slot
from credential_vault.encryption.keyring import Keyring
from isolation import Part

QUICK, FULL = 60, 400

# As near to Tink as that.
WANTED = 0.9

_TEXTS = 500
_WORKSPACE = WorkspaceId("org_speed")
_FIELDS = ("access_key", "secret", "access_token", "refresh_token")


@dataclass(frozen=True, slots=True)
class Given:
    """The parts of a slot, and its text."""

    provider: Provider
    credential_id: uuid.UUID
    version: int
    field: str
    text: str

    def slot(self) -> Slot:
        """The slot, made now."""
        return Slot(_WORKSPACE, self.provider, self.credential_id, self.version, self.field)


@dataclass(frozen=True, slots=True)
class Race:
    """The same texts for both."""

    keyring: Keyring
    key: bytes
    raw: aead.Aead
    given: list[Given]

    @classmethod
    def drawn(cls, seed: int, keyring: Keyring) -> Race:
        """Credentials as long as real ones are: a Gong key pair, or a token."""
        draw = random.Random(seed)
        given = [
            Given(
                draw.choice(list(Provider)),
                uuid.UUID(int=draw.getrandbits(128)),
                draw.randint(1, 1000),
                draw.choice(_FIELDS),
                "".join(draw.choices("abcdefXYZ0123456789-_", k=draw.randint(30, 200))),
            )
            for _ in range(_TEXTS)
        ]
        raw = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)
        return cls(keyring, keyring.new_data_key(_WORKSPACE), raw, given)

    def ours(self) -> Callable[[], None]:
        """A round with slots that are there already."""
        keyring, key = self.keyring, self.key
        ready = [(one.slot(), one.text) for one in self.given]

        def run() -> None:
            for slot, text in ready:
                keyring.decrypt(key, slot, keyring.encrypt(key, slot, text))

        return run

    def ours_with_slots(self) -> Callable[[], None]:
        """A round that makes its slots."""
        keyring, key, given = self.keyring, self.key, self.given

        def run() -> None:
            for one in given:
                slot = Slot(_WORKSPACE, one.provider, one.credential_id, one.version, one.field)
                keyring.decrypt(key, slot, keyring.encrypt(key, slot, one.text))

        return run

    def theirs(self) -> Callable[[], None]:
        """A round of Tink alone, from text to text."""
        raw = self.raw
        ready = [(one.slot().associated_data, one.text) for one in self.given]

        def run() -> None:
            for associated_data, text in ready:
                raw.decrypt(raw.encrypt(text.encode(), associated_data), associated_data).decode()

        return run

    def theirs_in_bytes(self) -> Callable[[], None]:
        """A round of Tink alone, from bytes to bytes."""
        raw = self.raw
        ready = [(one.slot().associated_data, one.text.encode()) for one in self.given]

        def run() -> None:
            for associated_data, text in ready:
                raw.decrypt(raw.encrypt(text, associated_data), associated_data)

        return run


async def measure(plan: Plan, admin_url: str, rounds: int | None = None, keyring: Keyring | None = None) -> Part:
    """Run `rounds` pairs (otherwise QUICK, or FULL for a full plan) of ours or of `keyring`. No database is needed."""
    del admin_url
    total = rounds or (FULL if plan.full else QUICK)
    race = Race.drawn(plan.seed, keyring or Keyring(Keyring.generate()))
    ours, theirs = race.ours(), race.theirs()
    pairs = {
        "tink_ratio": (ours, theirs),
        "tink_ratio_from_bytes": (ours, race.theirs_in_bytes()),
        "tink_ratio_with_slots": (race.ours_with_slots(), theirs),
    }
    ratios: dict[str, list[float]] = {name: [] for name in pairs}
    with _one_core():
        for pair in pairs.values():
            for run in pair:
                run()
        for number in range(total):
            for name, pair in pairs.items():
                ratios[name].append(_ratio(*pair, number))
            plan.tick(number + 1, total)
            await asyncio.sleep(0)
    medians = {name: statistics.median(values) for name, values in ratios.items()}
    ratio = medians["tink_ratio"]
    figures: dict[str, Figure] = {**medians, "tink_rounds": total}
    slow = f"speed, seed {plan.seed}: {ratio:.3f} of Tink's throughput, under {WANTED}"
    return Part(figures, (slow,) if ratio < WANTED else ())


def _ratio(ours: Callable[[], None], theirs: Callable[[], None], number: int) -> float:
    """Our throughput by theirs, measured one right after the other; who comes first takes turns."""
    if number % 2:
        return _seconds(theirs) / _seconds(ours)
    mine = _seconds(ours)
    return _seconds(theirs) / mine


def _seconds(run: Callable[[], None]) -> float:
    """What this thread computes for, so that others on the same core do not count."""
    began = time.thread_time()
    run()
    return time.thread_time() - began


@contextmanager
def _one_core() -> Iterator[None]:
    """Stay on one core, with nothing collected meanwhile, for the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        os.sched_setaffinity(0, before)
