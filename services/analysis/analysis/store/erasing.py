"""What erasing a workspace has to see."""

from __future__ import annotations

from database import Tx


async def show_everything(tx: Tx) -> None:
    """Show this transaction what is too old for people, and findings that nobody searches for."""
    await tx.fetch_one("erasing_enter")
