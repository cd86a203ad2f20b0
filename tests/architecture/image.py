"""Imports every module of a service in a Python that can see only what the service's image would hold, then asks its command for help.

    <image>/bin/python image.py <service> <package> <blocked.json>

Callmine's own packages are those laid out in the image. `blocked.json` maps files of installed packages to the reason why the image lacks
them.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import runpy
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


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


def main() -> None:
    """Import the package and everything in it except `__main__`; run the image's command for its help."""
    service, package, blocked = sys.argv[1:]
    sys.meta_path.insert(0, OnlyTheImage(json.loads(Path(blocked).read_text())))
    root = importlib.import_module(package)
    image = Path(sys.prefix)
    assert Path(str(root.__file__)).is_relative_to(image / "app"), "the package is not the image's own"
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    print(f"{service}: {sum(name.split('.')[0] == package for name in sys.modules)} modules")
    sys.argv = [service, "--help"]
    runpy.run_path(str(image / "bin" / service), run_name="__main__")


if __name__ == "__main__":
    main()
