"""What `make setup` does: builds .venv from the lock files, by hash, with nothing but Python and its standard library.

    python3 deploy/house/install.py

uv, pinned in requirements-setup.lock, installs requirements-dev.lock; where uv cannot reach a package index, pip tries. Then every
package of the project is put on the path. Running it again is safe, also from two terminals at once: the second waits, then finds
nothing to do.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
READY = VENV / ".ready"
SETUP_LOCK = ROOT / "requirements-setup.lock"
LOCK = ROOT / "requirements-dev.lock"
OLDEST = (3, 11)
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PIP_OPTIONS = ("-qq", "--disable-pip-version-check", "--require-hashes")

# The certificates of the machine: some stand behind a proxy that signs with its own.
UV_SETTINGS = {"UV_NO_PROGRESS": "1", "UV_SYSTEM_CERTS": "1"}

COMMAND = """#!/bin/sh
exec "$(dirname "$0")/python" -m local "$@"
"""


def fingerprint() -> str:
    """What the environment was made from: the locks, this file and the Python in use."""
    made_from = [SETUP_LOCK.read_bytes(), LOCK.read_bytes(), Path(__file__).read_bytes(), VERSION.encode()]
    return hashlib.sha256(b"\0".join(made_from)).hexdigest()


def usable() -> bool:
    """Whether .venv exists, runs, and is of the Python that runs this."""
    script = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([VENV / "bin" / "python", "-c", script], check=False, capture_output=True, text=True)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == VERSION


def run(*command: str | Path) -> bool:
    """Run a command with its output passed on; say whether it succeeded."""
    return subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, **UV_SETTINGS}).returncode == 0


def install() -> None:
    """Everything of requirements-dev.lock into .venv; raise SystemExit saying what to do where it cannot."""
    python = VENV / "bin" / "python"
    pip = (python, "-m", "pip", "install", *PIP_OPTIONS)
    if not run(*pip, "-r", SETUP_LOCK):
        raise SystemExit(
            f"pip could not install {SETUP_LOCK.name}: see its lines above. Is a package index within reach?"
        )
    quickly = (VENV / "bin" / "uv", "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", LOCK)
    if run(*quickly):
        return
    print("uv did not succeed; trying the same with pip, which takes longer", flush=True)
    if not run(*pip, "-r", LOCK):
        raise SystemExit(f"neither uv nor pip could install {LOCK.name}: see their lines above")


def link_packages() -> None:
    """Put libs/*, services/*, deploy and tests on the path of .venv, relative to it, and the `callmine` command beside Python."""
    (site_packages,) = (VENV / "lib").glob("python3.*/site-packages")
    projects = sorted(
        path.parent for folder in ("libs", "services") for path in (ROOT / folder).glob("*/pyproject.toml")
    )
    folders = [*projects, ROOT / "deploy", ROOT / "tests"]
    lines = [os.path.relpath(folder, site_packages) for folder in folders]
    (site_packages / "callmine.pth").write_text("\n".join(lines) + "\n")
    command = VENV / "bin" / "callmine"
    command.write_text(COMMAND)
    command.chmod(0o755)


def main() -> None:
    """Build what is missing; leave alone what is up to date."""
    if sys.version_info < OLDEST:
        raise SystemExit(
            f"Callmine needs Python 3.11 or later, this is {sys.version.split()[0]}: `make PYTHON=/path/to/python3.11 setup`"
        )
    with SETUP_LOCK.open() as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        wanted = fingerprint()
        if not READY.exists() or READY.read_text() != wanted:
            print("setting up .venv from the lock files (once; about a minute)", flush=True)
            READY.unlink(missing_ok=True)
            if not usable():
                venv.create(VENV, with_pip=True, clear=True)
            install()
        link_packages()
        READY.write_text(wanted)


if __name__ == "__main__":
    main()
