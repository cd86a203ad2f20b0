"""Somebody with an account at the provider that records the calls."""

from __future__ import annotations

from msgspec import Struct


class User(Struct, frozen=True):
    """`user_id` is the provider's own."""

    user_id: str
    name: str
    email: str | None
    active: bool
