"""Run with another version's code in reach: reads today's golden messages, and packs every message that it knows, as JSON on its output."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from contract.messages.golden import event_of, filled
from contracts import MESSAGES, attributes_of, pack, unpack


def main(folder: Path, given: dict[str, dict[str, str]]) -> None:
    """`read`: payloads by file, in hexadecimal, of the types known here; `written`: events by type. `given`: the files' attributes."""
    read: dict[str, str] = {}
    for path in sorted(folder.glob("*.binpb")):
        if path.name.rsplit(".", 2)[0] in MESSAGES:
            event = unpack(path.read_bytes(), given[path.stem])
            read[path.stem] = event.payload.SerializeToString(deterministic=True).hex()
    written = {name: pack(event_of(filled(kind))).hex() for name, kind in MESSAGES.items()}
    attributes = {name: attributes_of(event_of(filled(kind))) for name, kind in MESSAGES.items()}
    print(json.dumps({"read": read, "written": written, "attributes": attributes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
