"""What every credential reads as: made from the seed, so that nothing but the seed has to be remembered of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.ids import WorkspaceId
from credential_vault.domain.credentials import BasicPair, Provider
from credential_vault.domain.oauth import Bearer

Credential = tuple[WorkspaceId, Provider]

# A pair, tokens with and tokens without one that renews them.
FIELDS: Mapping[Provider, tuple[str, ...]] = {
    Provider.GONG: ("access_key", "secret"),
    Provider.HUBSPOT: ("access_token", "refresh_token"),
    Provider.SLACK: ("access_token",),
}


@dataclass(slots=True)
class Book:
    """`newest` has the version of each credential that was committed last."""

    seed: int
    newest: dict[Credential, int] = field(default_factory=dict)
    _written: dict[tuple[WorkspaceId, Provider, int], str] = field(default_factory=dict)

    def plain(self, workspace_id: WorkspaceId, provider: Provider, version: int) -> dict[str, str]:
        """The fields of one version in the clear."""
        origin = self._written.get((workspace_id, provider, version), f"{workspace_id} {provider.value} {version}")
        return self.drawn(provider, origin)

    def drawn(self, provider: Provider, origin: str) -> dict[str, str]:
        """Fields that are found again by where they come from."""
        return {name: self._text(f"{origin} {name}") for name in FIELDS[provider]}

    def granted(self, workspace_id: WorkspaceId, provider: Provider, version: int) -> bytes:
        """What a requester has to find in its grant."""
        plain = self.plain(workspace_id, provider, version)
        if "access_token" in plain:
            return Bearer(plain["access_token"]).grant("")
        return BasicPair(plain["access_key"], plain["secret"]).grant("")

    def is_about_to_be(self, workspace_id: WorkspaceId, provider: Provider, version: int, origin: str) -> None:
        """Note what a version reads as if it is committed. Whoever is given the same version later takes its place."""
        self._written[workspace_id, provider, version] = origin

    def shares(self, parts: int) -> list[Book]:
        """The credentials dealt among `parts` books, a workspace's all to the same one."""
        books = [Book(self.seed) for _ in range(parts)]
        for credential, version in self.newest.items():
            part = int.from_bytes(hashlib.blake2b(credential[0].encode(), digest_size=4).digest()) % parts
            books[part].newest[credential] = version
        return books

    def take_back(self, other: Book) -> None:
        """What was committed by the one that had this share."""
        self.newest |= other.newest
        self._written |= other._written

    def _text(self, origin: str) -> str:
        content = json.dumps([self.seed, origin]).encode()
        return hashlib.blake2b(content, digest_size=20).hexdigest()
