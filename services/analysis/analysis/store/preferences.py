"""The projection of the workspace's preferences."""

from __future__ import annotations

from analysis.domain.preferences import Preferences
from database import Tx


async def project(tx: Tx, told: Preferences, sequence: int) -> None:
    """Remember the preferences unless later ones are known."""
    await tx.execute(
        "project_preferences",
        mask_personal_data=told.mask_personal_data,
        other_provider_fallback=told.other_provider_fallback,
        sequence=sequence,
    )


async def of_workspace(tx: Tx) -> Preferences:
    """The workspace's preferences; the defaults while none have been told."""
    row = await tx.fetch_one("preferences_of_workspace")
    return Preferences(**dict(row)) if row else Preferences()
