"""Asks a service's command for help in a Python that can see only what the service's image would hold, then imports every module of it
and what its libraries load late.

    <image>/bin/python image.py <service> <package> <blocked.json>

Callmine's own packages are those laid out in the image. `blocked.json` maps files of installed packages to the reason why the image lacks
them.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

# What the libraries load once a service is ready, or with its first use: an image that lacks a part of it would fail hours later.
LATE = (
    "cloud.secret_manager",
    "egress.exchange",
    "jinja2",
    "jwt.algorithms",
    "messaging.google.publisher",
    "messaging.google.subscriber",
    "telemetry.otlp",
    "telemetry.recording",
)


class OnlyTheImage:
    """Stands before all finders, and finds nothing that is in a blocked file."""

    def __init__(self, blocked: Mapping[str, str]) -> None:
        self._blocked = blocked

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec, unless the image does not hold it: then ModuleNotFoundError, which optional imports survive."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None:
            return spec
        reason = self._blocked.get(os.path.realpath(spec.origin))
        if reason:
            raise ModuleNotFoundError(f"{name}: {reason}", name=name)
        return spec


def begun() -> dict[str, object]:
    """What a process that begins as `python -m` does differs in, before anything is served."""
    return {
        "collects": gc.isenabled(),
        "imports_what_is_unused": sys.modules.get("httpx._main", runpy) is not None,
        "forks": os.environ.get("GRPC_ENABLE_FORK_SUPPORT"),
    }


def main() -> None:
    """Run the image's command for its help; import the package and everything in it except `__main__`."""
    service, package, blocked = sys.argv[1:]
    sys.meta_path.insert(0, OnlyTheImage(json.loads(Path(blocked).read_text())))
    image = Path(sys.prefix)
    sys.argv = [service, "--help"]
    with suppress(SystemExit):
        runpy.run_path(str(image / "bin" / service), run_name="__main__")
    print(f"begun: {json.dumps(begun())}")
    gc.enable()
    root = importlib.import_module(package)
    assert Path(str(root.__file__)).is_relative_to(image / "app"), "the package is not the image's own"
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in LATE:
        importlib.import_module(name)
    print(f"{service}: {sum(name.split('.')[0] == package for name in sys.modules)} modules")


if __name__ == "__main__":
    main()
