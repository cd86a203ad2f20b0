"""Generates the Python code of the message contracts from proto/; `--check` fails when the committed code differs.

python libs/contracts/generate.py [--check]
"""

from __future__ import annotations

import filecmp
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"


def generate(target: Path) -> None:
    """Write `*_pb2.py` and `*_pb2.pyi` of every contract under `target`; raise SystemExit if protoc refuses."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    well_known = str(resources.files("grpc_tools") / "_proto")
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={target}", f"--mypy_out=quiet:{target}"]
    status: int = protoc.main([*arguments, *sources])
    if status != 0:
        raise SystemExit("protoc refused the contracts: see the lines above")


def differing(target: Path) -> list[str]:
    """Names of generated files under `target` that differ from the committed ones, or exist on one side only."""
    made = {str(path.relative_to(target)) for path in target.rglob("*_pb2.py*")}
    kept = {str(path.relative_to(HERE)) for path in (HERE / "callmine").rglob("*_pb2.py*") if path.suffix != ".pyc"}
    changed = [name for name in made & kept if not filecmp.cmp(target / name, HERE / name, shallow=False)]
    return sorted([*changed, *(made ^ kept)])


def main() -> None:
    """Generate in place, or check."""
    if "--check" not in sys.argv:
        generate(HERE)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        drift = differing(Path(folder))
    if drift:
        raise SystemExit("generated code differs from proto/: run `make proto` and commit\n  " + "\n  ".join(drift))


if __name__ == "__main__":
    main()
