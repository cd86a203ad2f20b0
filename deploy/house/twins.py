"""The twins in JSON of files that people write in YAML (`core.twins`), for processes that serve.

python -m house.twins            write them
python -m house.twins --check    fail where one is not what its file gives
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from core.twins import twin_beside, twin_of
from house.projects import ROOT

FILES = (
    Path("deploy/topology.yaml"),
    Path("libs/egress/egress/subprocessors.yaml"),
    Path("services/retention/retention/plans.yaml"),
    Path("services/retention/retention/promises.yaml"),
)


def twin(path: Path) -> str:
    """The twin that the file at `path` gives."""
    text = path.read_text(encoding="utf-8")
    return twin_of(text, yaml.safe_load(text))


def main(arguments: list[str]) -> int:
    """Write or check all of them; the exit status."""
    stale = []
    for name in FILES:
        beside, made = twin_beside(ROOT / name), twin(ROOT / name)
        if not beside.exists() or beside.read_text(encoding="utf-8") != made:
            stale.append(str(twin_beside(name)))
            if arguments != ["--check"]:
                beside.write_text(made, encoding="utf-8")
    if stale and arguments == ["--check"]:
        sys.stderr.write(f"not what its YAML gives: {', '.join(stale)}; run `make twins`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
