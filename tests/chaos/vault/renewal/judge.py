"""What came of a schedule.

A *rotation* is a refresh token that the provider has spent for another one. What became of the new one decides its class:

kept            it was stored in the credential, or handed to revocation because a person had reconnected or disconnected meanwhile
unheard         no living process ever got its reply: it was lost, garbled or came after the call's time-out, or the process had died
died with it    a process had got the reply, and died before its first transaction for it was durable
lost            anything else: a process had it, lived, and nobody keeps it

Neither of the two in the middle can be avoided by anybody: the provider had committed, and no process was left that knew of it. They are
the *unavoidable losses*; `unheard` and `died_with_it` tell them apart. The other figures:

double_spends       calls with a token that was spent before, unless it was spent for an unavoidable loss
lost_rotations      rotations that are lost; and those of the present connection that were overwritten by an earlier one's
false_reconnects    times that a person was asked to reconnect, unless the credential's rotation was an unavoidable loss, or the
                    provider had ended its tokens of its own accord
calls_per_expiry    the most calls that arrived with one token. A call that was turned away unopened (429) is none. A call whose answer
                    nobody heard (a loss, an error that does not tell, a crash before the answer was written down) is in the
                    unavoidable class, and so does not count against the next one, provided that this comes Timing.settle_after
                    later or the provider has said in between that the token is still good
calls_unheard       the most calls with one token, those of the unavoidable class included
stuck               a credential that is connected and long overdue at the end, though everything has been quiet
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass

from chaos.vault.renewal.schedule import World
from chaos.vault.renewal.server import Call, Rotation
from chaos.vault.renewal.table import text_of
from credential_vault.domain.credentials import State
from credential_vault.domain.renewals import Timing

# In quiet times a renewal takes seconds.
_OVERDUE = 120.0


@dataclass(frozen=True, slots=True)
class Count:
    """The figures of one schedule."""

    double_spends: int
    lost_rotations: int
    false_reconnects: int
    calls_per_expiry: int
    calls_unheard: int
    unheard: int
    died_with_it: int
    stuck: int

    @property
    def unavoidable_losses(self) -> int:
        """Both kinds."""
        return self.unheard + self.died_with_it

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong that could have been avoided."""
        wrong = self.double_spends + self.lost_rotations + self.false_reconnects + self.stuck
        return wrong == 0 and self.calls_per_expiry <= 1


def judged(world: World) -> Count:
    """Judge a schedule that has been played."""
    rotations = world.server.rotations
    kept = {*world.database.saved, *(text_of(token) for token in world.database.content.let_go)}
    gone = [one for one in rotations.values() if one.given not in kept]
    unheard = {one.spent for one in gone if one.receiver is None}
    died = {one.spent for one in gone if one.receiver is not None and _died(one)}
    unavoidable = unheard | died
    by_token: dict[str, list[Call]] = defaultdict(list)
    for call in world.server.calls:
        if call.answer != "turned away":
            by_token[call.token].append(call)
    return Count(
        double_spends=sum(call.answer == "again" and call.token not in unavoidable for call in world.server.calls),
        lost_rotations=len(gone) - len(unavoidable) + _overwritten(world),
        false_reconnects=sum(not _is_excused(world, token, unavoidable) for token in world.database.reconnects),
        calls_per_expiry=max((_counted(world, calls) for calls in by_token.values()), default=0),
        calls_unheard=max((len(calls) for calls in by_token.values()), default=0),
        unheard=len(unheard),
        died_with_it=len(died),
        stuck=_stuck(world),
    )


def _died(rotation: Rotation) -> bool:
    return rotation.receiver is not None and rotation.receiver.process.dead and not rotation.receiver.finished


def _is_excused(world: World, token: str, unavoidable: set[str]) -> bool:
    """Nothing excuses a row without a token: somebody had disconnected it, and is asked to reconnect."""
    server = world.server
    return token in unavoidable or (bool(token) and server.ended.get(server.family_of[token]) == "uninstalled")


def _counted(world: World, calls: list[Call]) -> int:
    """Calls with one token, without those that a call of the unavoidable class excuses."""
    most = run = 1
    for before, call in itertools.pairwise(calls):
        asked = any(before.at < at <= call.at for at in world.server.confirmed[call.token])
        excused = not before.heard and (asked or call.at - before.at >= Timing().settle_after)
        run = 1 if excused else run + 1
        most = max(most, run)
    return most


def _overwritten(world: World) -> int:
    row = world.database.content.row
    if row.state is State.DISCONNECTED or not row.refresh_token:
        return 0
    family = world.server.family_of
    return int(family[text_of(row.refresh_token)] != family[world.connected[-1]])


def _stuck(world: World) -> int:
    row = world.database.content.row
    overdue = row.refresh_at is not None and row.refresh_at < world.engine.now - _OVERDUE
    return int(row.state is State.CONNECTED and overdue)
