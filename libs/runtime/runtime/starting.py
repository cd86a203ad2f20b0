"""How the process of a service begins: `python -m audit …`, which is also what its image runs.

Serving loads no command line. `core.memory.load` has to come before this module is imported, as it does in each service's `__main__.py`.
"""

from __future__ import annotations

import sys
from importlib import import_module

from runtime.serving import serve

_SERVE = ["serve"]


def start(package: str) -> None:
    """Do what the command line asks of the service in `package`; never returns."""
    if sys.argv[1:] == _SERVE:
        main = import_module(f"{package}.main")
        sys.exit(serve(main.SERVICE, import_module(f"{package}.settings").Settings, main.compose))
    import_module(f"{package}.cli").app(prog_name=package.replace("_", "-"))
