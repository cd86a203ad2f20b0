"""The twin of a file is read where it is the twin of the file as it is now, and never else."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from core.twins import content_of, twin_of
from egress import REGISTER
from egress.register import Register, register_text
from house import twins
from house.projects import ROOT
from messaging.topology import Topology

TEXT = "names: [ü, b]  # a remark\nday: 2026-11-23\n"


def never(text: str) -> object:
    raise AssertionError(f"{text!r} is read, though there is a twin")


def test_the_twin_tells_what_the_text_does() -> None:
    twin = twin_of(TEXT, yaml.safe_load(TEXT))
    assert content_of(TEXT, twin, never) == {"names": ["ü", "b"], "day": "2026-11-23"}


@pytest.mark.parametrize(
    "twin",
    [
        pytest.param("", id="none"),
        pytest.param(twin_of(TEXT + " ", {"names": []}), id="another text's"),
        pytest.param("[]", id="no twin at all"),
        pytest.param(json.dumps({"content": {"names": []}}), id="of nothing"),
    ],
)
def test_a_text_without_a_twin_of_its_own_is_read(twin: str) -> None:
    assert content_of(TEXT, twin, yaml.safe_load) == {"names": ["ü", "b"], "day": date(2026, 11, 23)}


def test_register_and_topology_are_what_their_texts_say(tmp_path: Path) -> None:
    assert list(REGISTER) == list(Register.read(register_text()))
    assert REGISTER.data_classes == Register.read(register_text()).data_classes
    path = ROOT / "deploy/topology.yaml"
    alone = tmp_path / path.name
    alone.write_text(path.read_text())
    assert Topology.load(path) == Topology.load(alone)


def test_each_twin_is_the_one_of_its_file() -> None:
    assert [
        name for name in twins.FILES if (ROOT / name).with_suffix(".json").read_text() != twins.twin(ROOT / name)
    ] == []
