"""TLS in front of a server that speaks none, such as Google's Pub/Sub emulator: bytes are passed on as they are.

    python -m local.tls --port 8411 --certificate chain.pem --key key.pem --to 127.0.0.1:8085

The services speak TLS everywhere and are not taught otherwise for one emulator.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from local.passing import pass_on
from local.tls.authority import ServerCertificate


async def serve(certificate: ServerCertificate, port: int, host: str, upstream_port: int) -> asyncio.Server:
    """Listen on loopback and pass each connection on; the server, listening."""
    context = certificate.context()
    # gRPC insists on HTTP/2 being agreed on.
    context.set_alpn_protocols(["h2"])

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(host, upstream_port)
        except OSError:
            writer.close()
            return
        await pass_on((reader, writer), (upstream_reader, upstream_writer))

    return await asyncio.start_server(connected, "127.0.0.1", port, ssl=context)


async def _forever(certificate: ServerCertificate, port: int, host: str, upstream_port: int) -> None:
    async with await serve(certificate, port, host, upstream_port) as server:
        await server.serve_forever()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="local.tls", description="TLS in front of a server that speaks none")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--to", required=True, help="host:port")
    asked = parser.parse_args()
    host, _, upstream = asked.to.rpartition(":")
    asyncio.run(_forever(ServerCertificate(asked.certificate, asked.key), asked.port, host, int(upstream)))


if __name__ == "__main__":
    main()
