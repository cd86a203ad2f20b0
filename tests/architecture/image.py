"""Imports every module of a service in a Python that can see only what the service's image would hold.

    python image.py <service> <package> <blocked.json>

`blocked.json` maps files of installed packages, and folders of Callmine's own, to the reason why the image lacks them.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


class OnlyTheImage:
    """Stands before all finders, and finds nothing that is in a blocked file or folder."""

    def __init__(self, blocked: Mapping[str, str]) -> None:
        self._blocked = blocked

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec, unless the image does not hold it: then ModuleNotFoundError, which optional imports survive."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None:
            return spec
        file = os.path.realpath(spec.origin)
        reason = self._blocked.get(file) or self._blocked.get(str(Path(file).parents[0]))
        if reason:
            raise ModuleNotFoundError(f"{name}: {reason}", name=name)
        return spec


def main() -> None:
    """Import the package and everything in it except `__main__`."""
    service, package, blocked = sys.argv[1:]
    sys.meta_path.insert(0, OnlyTheImage(json.loads(Path(blocked).read_text())))
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    print(f"{service}: {sum(name.split('.')[0] == package for name in sys.modules)} modules")


if __name__ == "__main__":
    main()
