"""Object storage and Secret Manager of one machine, in one process.

python -m local.cloud --config cloud.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
from pathlib import Path

import uvloop

from local.secrets import SecretPolicy, SecretServer, SecretSettings
from local.storage import StorageServer, StorageSettings
from local.tls import ServerCertificate


async def serve(config: dict[str, object]) -> None:
    """Serve until told to stop; one line on standard output says that it is ready."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stopping.set)
    certificate = ServerCertificate(Path(str(config["certificate"])), Path(str(config["key"])))
    storage = StorageSettings(
        Path(str(config["storage"])), certificate, (str(config["bucket"]),), int(str(config["storage_port"]))
    )
    secrets = SecretSettings(
        Path(str(config["secrets"])),
        certificate,
        int(str(config["secrets_port"])),
        _policy(config["policy"]),
        _mounts(config["mounts"]),
    )
    with StorageServer.start(storage):
        async with await SecretServer.start(secrets):
            print(json.dumps({"ready": True}), flush=True)
            await stopping.wait()


def _policy(data: object) -> SecretPolicy:
    if not isinstance(data, dict):
        raise SystemExit("cloud.json: policy must be an object")
    accessors = {secret: frozenset(accounts) for secret, accounts in data["accessors"].items()}
    adders = {secret: frozenset(accounts) for secret, accounts in data["adders"].items()}
    return SecretPolicy(data["tokens"], accessors, frozenset(data["admins"]), adders)


def _mounts(data: object) -> dict[str, Path]:
    if not isinstance(data, dict):
        raise SystemExit("cloud.json: mounts must be an object")
    return {secret: Path(file) for secret, file in data.items()}


def main() -> None:
    """Read the configuration and serve."""
    parser = argparse.ArgumentParser(prog="local.cloud", description="Object storage and secrets on one machine")
    parser.add_argument("--config", type=Path, required=True)
    logging.basicConfig(level=logging.WARNING)
    uvloop.run(serve(json.loads(parser.parse_args().config.read_text())))


if __name__ == "__main__":
    main()
