"""How far a run is, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from analysis.domain.live import PHASES, Progress, Snapshot
from analysis.domain.run import RunState, Stage, StageState

# What a stage without numbers says of itself.
_WORDS = {
    "fetch": ("Waiting", "Asking Gong for the calls", "Done"),
    "transcripts": ("Waiting", "Coming", "Done"),
    "analysis": ("Waiting", "Asking the model", "Done"),
    "summary": ("Waiting", "Being written", "Done"),
}


class Step(Struct, frozen=True):
    """A stage as it is drawn. `look`: done, now, wrong, stopped, or nothing where it waits; `percent` 0 to 100.

    `counts_calls`: it is the one whose bar tells how many calls are done.
    """

    name: str
    look: str
    words: str
    percent: float
    counts_calls: bool = False


def steps(progress: Progress) -> list[Step]:
    """The four stages. Where the run ended before its end, the stage that was under way is the one that is marked."""
    found = [_step(progress, phase, stage) for phase, stage in zip(PHASES, progress.stages, strict=True)]
    ending = {RunState.FAILED: "wrong", RunState.CANCELLED: "stopped", RunState.NO_MATCH: "stopped"}
    look = ending.get(progress.run.state)
    broken = next((place for place, step in enumerate(found) if step.look != "done"), None)
    if look is None or broken is None:
        return found
    words = {"wrong": "Failed", "stopped": "Stopped"}[look]
    found[broken] = _marked(found[broken], look, words)
    return found


def shown_of(snapshot: Snapshot, model_names: Mapping[str, str]) -> dict[str, object]:
    """What `run_part.html` is given."""
    progress = snapshot.progress
    return {
        "run": progress.run,
        "progress": progress,
        "version": snapshot.version,
        "steps": steps(progress),
        "pause": progress.run.pause(progress.at),
        "awaited": progress.run.awaits_report(progress.at),
        "model_names": model_names,
    }


def _step(progress: Progress, phase: str, stage: Stage) -> Step:
    going_on = progress.run.state in {RunState.RUNNING, RunState.COMPLETED}
    waiting, active, done = _WORDS[phase]
    calls = phase == "analysis"
    counts = f"{stage.done:,} of {stage.of:,}" if stage.of else ""
    if stage.state is StageState.DONE:
        return Step(stage.name, "done", counts or done, 100, calls)
    percent = 100 * stage.done / stage.of if stage.of else 0
    if stage.state is StageState.ACTIVE and going_on:
        return Step(stage.name, "now", counts or (f"{stage.done:,} so far" if stage.done else active), percent, calls)
    return Step(stage.name, "", counts if stage.done else ("" if progress.ended else waiting), percent, calls)


def _marked(step: Step, look: str, words: str) -> Step:
    counted = f"{words} at {step.words}" if " of " in step.words else words
    return replace(step, look=look, words=counted)
