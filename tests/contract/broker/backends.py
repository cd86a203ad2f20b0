"""The brokers the conformance suite runs against, each as a process of its own."""

import json
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import containers
import grpc

from local.stack.ports import free_port

EMULATOR_PORT = 8085
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Backend:
    """A broker to talk to. `embedded` tells ours from Google's."""

    name: str
    address: str
    ca: bytes = b""

    @property
    def embedded(self) -> bool:
        return self.name == "embedded"

    def channel(self) -> grpc.aio.Channel:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        if self.ca:
            return grpc.aio.secure_channel(self.address, grpc.ssl_channel_credentials(self.ca), options=options)
        return grpc.aio.insecure_channel(self.address, options=options)


class BrokerProcess:
    """`python -m local.broker`, stopped kindly or not."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "local.broker", "--dir", str(directory), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, complaints = self.process.communicate(timeout=START_SECONDS)
            raise RuntimeError(f"the broker did not start: {complaints}")
        self.address = str(json.loads(line)["grpc"])

    def kill(self) -> str:
        """kill -9; returns what it had written to its log."""
        return self._end(signal.SIGKILL)

    def stop(self) -> str:
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> str:
        self.process.send_signal(how)
        _, log = self.process.communicate(timeout=START_SECONDS)
        return log


def emulator_jar() -> Path | None:
    """Google's emulator inside the gcloud installation on PATH, wherever that is."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return None
    root = Path(gcloud).resolve().parent.parent
    return next(iter(sorted((root / "platform" / "pubsub-emulator" / "lib").glob("*.jar"))), None)


@contextmanager
def emulator_from_jar(jar: Path) -> Iterator[Backend]:
    port = free_port()
    command = ["java", "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    reader: Thread | None = None
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "Server started" in line:
                break
        # Its log must be read on, or it stands still once the pipe is full.
        reader = Thread(target=deque, args=(process.stderr, 0), daemon=True)
        reader.start()
        yield Backend("emulator", f"127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        if reader is not None:
            reader.join(START_SECONDS)
        if process.stderr is not None:
            process.stderr.close()


def docker_answers() -> bool:
    """Whether a Docker engine can run containers here."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True, timeout=START_SECONDS, check=False).returncode == 0


@contextmanager
def emulator_from_docker() -> Iterator[Backend]:
    # Not the ready-made container for it: its module wants the client of Datastore as well.
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    with containers.told():
        container = DockerContainer(containers.image("emulators"))
        container.with_command(
            f"gcloud beta emulators pubsub start --host-port=0.0.0.0:{EMULATOR_PORT} --project=local"
        )
        container.with_exposed_ports(EMULATOR_PORT).waiting_for(LogMessageWaitStrategy("Server started"))
        with container:
            port = container.get_exposed_port(EMULATOR_PORT)
            yield Backend("emulator", f"{container.get_container_host_ip()}:{port}")
