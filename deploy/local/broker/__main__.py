"""`python -m local.broker`: the broker as a process of its own.

Prints one line of JSON with its addresses when it is ready, stops on SIGTERM or SIGINT, reads the fault file again on
SIGHUP. Public keys of the push tokens are written to `jwks.json` in its directory.
"""

import argparse
import asyncio
import json
import logging
import signal
from pathlib import Path

import uvloop

from local.broker.access import Policy
from local.broker.faults import Faults
from local.broker.server import Broker, BrokerSettings, Certificate


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.broker", description="Pub/Sub for one machine")
    parser.add_argument("--dir", type=Path, required=True, help="where messages are kept")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--certificate", type=Path, help="PEM chain of the server; without it plaintext")
    parser.add_argument("--key", type=Path, help="PEM key of the server")
    parser.add_argument("--ca", type=Path, help="PEM of the authority push endpoints are checked against")
    parser.add_argument("--policy", type=Path, help="JSON: tokens, publishers, consumers, admins")
    parser.add_argument("--faults", type=Path, help="JSON: seed, duplicate, delay, reorder, drop; read again on SIGHUP")
    parser.add_argument("--fsync", action="store_true", help="answer a publish only when it is on the device")
    return parser.parse_args()


def read_faults(path: Path | None) -> Faults:
    return Faults(**json.loads(path.read_text())) if path and path.exists() else Faults()


def settings(given: argparse.Namespace) -> BrokerSettings:
    certificate = Certificate(given.key, given.certificate) if given.certificate and given.key else None
    policy = Policy.read(json.loads(given.policy.read_text())) if given.policy else Policy()
    return BrokerSettings(
        directory=given.dir,
        port=given.port,
        certificate=certificate,
        trust=given.ca,
        policy=policy,
        faults=read_faults(given.faults),
        fsync=given.fsync,
    )


async def serve(given: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stopping.set)
    async with await Broker.start(settings(given)) as broker:
        loop.add_signal_handler(signal.SIGHUP, lambda: broker.disturb(read_faults(given.faults)))
        (given.dir / "jwks.json").write_text(json.dumps(broker.jwks()))
        print(json.dumps({"grpc": broker.address}), flush=True)
        await stopping.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(serve(arguments()))
