"""Connecting: what was changed by it, and whether a provider granted what was asked. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from msgspec import Struct

from credential_vault.domain.credentials import Provider, State


class Kind(enum.StrEnum):
    """How a credential shows itself to the provider."""

    BASIC = "basic"
    OAUTH = "oauth"
    SIGNING = "signing"


class Face(Struct, frozen=True):
    """What may be said of a credential: never any part of it. `base_url` is the whole address of the API, empty where there is one only.

    `account` is for people, `account_id` what the provider's webhooks call it; both empty where the provider tells none.
    """

    kind: Kind
    base_url: str = ""
    account: str = ""
    scopes: tuple[str, ...] = ()
    account_id: str = ""


class Connected(Struct, frozen=True):
    """A credential was connected; `before` is the state it replaced, with the face it had then; None for the first one."""

    provider: Provider
    version: int
    before: State
    face: Face
    face_before: Face | None = None

    @property
    def base_url(self) -> str:
        """Where the provider's API is for this customer."""
        return self.face.base_url


class Disconnected(Struct, frozen=True):
    """A credential was forgotten."""

    provider: Provider
    version: int
    before: State


def missing(asked: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    """The scopes that were asked for and not granted, in the order in which they were asked for."""
    have = frozenset(granted)
    return tuple(scope for scope in asked if scope not in have)


def beyond(asked: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    """The scopes that were granted without having been asked for."""
    return missing(granted, asked)
