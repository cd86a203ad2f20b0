"""``python -m local.sandbox --config file.json``: serves the sandbox until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from local.sandbox.corpus.calls import CallFileError
from local.sandbox.server import serve
from local.sandbox.settings import SettingsError, read_settings


def main() -> int:
    """Exit code 0 after an orderly stop, 2 when the configuration or a call file cannot be used."""
    parser = argparse.ArgumentParser(prog="local.sandbox", description="The outside world on one machine, over TLS.")
    parser.add_argument("--config", type=Path, required=True, help="JSON file with the settings")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        serve(read_settings(arguments.config))
    except (SettingsError, CallFileError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
