"""The proof that workspaces are apart: each part measures one thing, `chaos.prove_isolation` puts them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaos.harness import Figure


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the proof found: figures by name, and in words whatever went wrong."""

    figures: Mapping[str, Figure]
    problems: tuple[str, ...] = ()
