"""The sandbox as a process of its own: starts from a file, tells its address, stops when asked."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from contract.sandbox.stage import ANTHROPIC_KEY, OPENAI_KEY, SHARED, Stage

START_SECONDS = 20.0


def configuration(stage: Stage, tmp_path: Path) -> dict[str, object]:
    """What a composition root writes: secrets in the clear, in a file of its own."""
    plain: dict[str, object] = stage.settings(ready_file=tmp_path / "ready.json").model_dump(
        mode="json", exclude={"gong", "models", "admin_token", "clerk"}
    )
    models = {"openai_api_key": OPENAI_KEY, "anthropic_api_key": ANTHROPIC_KEY}
    return plain | {"gong": stage.gong(), "models": models, "admin_token": "admin-token-for-tests"}


async def start(config: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local.sandbox",
        "--config",
        str(config),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_serves_until_it_is_told_to_stop(stage: Stage, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(configuration(stage, tmp_path)), "utf-8")
    process = await start(config)
    try:
        url = await _address(process)
        async with stage.client(url) as client:
            ready = (await client.get("/_ready")).json()
        assert json.loads((tmp_path / "ready.json").read_bytes())["url"] == url
        assert ready["calls"] == {"harborline": 5, "quillstone": 2}
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), START_SECONDS) in {0, -15}


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
    assert line.startswith(b"sandbox: listening on https://"), line
    return line.decode().split()[-1]


async def test_a_faulty_call_file_stops_the_start_by_name(stage: Stage, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    (calls / "harborline").mkdir(parents=True)
    (calls / "harborline" / "07-broken.call").write_text("title: nothing else\n", "utf-8")
    config = tmp_path / "config.json"
    config.write_text(json.dumps(configuration(stage, tmp_path) | {"calls_dir": str(calls)}), "utf-8")
    process = await start(config)
    _, errors = await asyncio.wait_for(process.communicate(), START_SECONDS)
    assert process.returncode == 2
    assert b"07-broken.call (harborline), line 1" in errors
    assert str(SHARED).encode() not in errors
