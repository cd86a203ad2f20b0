"""What `make bench` and `make prove` run can be started: a module that does not load would be noticed by a person only."""

from __future__ import annotations

import pkgutil

import bench
import chaos
from bench.harness import benchmarks
from chaos.harness import proofs

_TOOLS = {"__main__", "harness"}


def test_every_benchmark_loads_and_is_known_by_its_name() -> None:
    names = {module.name for module in pkgutil.iter_modules(bench.__path__)} - _TOOLS
    assert set(benchmarks()) == names != set()


def test_every_proof_loads_and_is_known_by_its_name() -> None:
    names = {module.name for module in pkgutil.iter_modules(chaos.__path__)}
    assert {f"prove_{name}" for name in proofs()} == {one for one in names if one.startswith("prove_")} != set()
