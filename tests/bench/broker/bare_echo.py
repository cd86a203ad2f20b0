"""The bound: a bare grpc.aio server that hands the bytes of each publish on to a stream and knows nothing else.

`python bare_echo.py KEY CHAIN` prints its address as one line of JSON and runs until it is terminated.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import uvloop


class Echo:
    """Same method names as Pub/Sub, so that the same client code can drive it."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()

    async def publish(self, request: bytes, _: Any) -> bytes:
        self._waiting.put_nowait(request)
        return b""

    async def stream(self, requests: AsyncIterator[bytes], context: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_swallow(requests))
            while not reading.done():
                await context.write(await self._waiting.get())


async def _swallow(requests: AsyncIterator[bytes]) -> None:
    async for _ in requests:
        pass


async def main(key: bytes, chain: bytes) -> None:
    echo = Echo()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Publisher", {"Publish": grpc.unary_unary_rpc_method_handler(echo.publish)}
        ),
        grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Subscriber", {"StreamingPull": grpc.stream_stream_rpc_method_handler(echo.stream)}
        ),
    ))  # fmt: skip
    credentials = grpc.ssl_server_credentials([(key, chain)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    print(json.dumps({"grpc": f"127.0.0.1:{port}"}), flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes()))
