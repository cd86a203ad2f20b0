"""Every check and every mutant, by the id that it has in `retention/promises.yaml`."""

from collections.abc import Mapping
from itertools import chain

from promises.checks import (
    at_rest,
    audit,
    deletion,
    isolation,
    models,
    recipients,
    staff,
    staff_log,
    transit,
    windows,
    words,
)
from promises.system import Check, Mutant

_MODULES = (transit, at_rest, isolation, windows, audit, recipients, models, staff, staff_log, deletion, words)

CHECKS: Mapping[str, Check] = dict(chain.from_iterable(module.CHECKS.items() for module in _MODULES))

MUTANTS: Mapping[str, Mutant] = dict(chain.from_iterable(module.MUTANTS.items() for module in _MODULES))

__all__ = ["CHECKS", "MUTANTS"]
