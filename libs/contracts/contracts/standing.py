"""What a message about a member says of somebody's place in the workspace, for every service that lets people in."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message
from msgspec import Struct

from callmine.workspaces.v1.workspaces_pb2 import ROLE_ADMIN, MemberAdded, MemberRemoved, MemberRoleChanged

MEMBER_MESSAGES: tuple[type[Message], ...] = (MemberAdded, MemberRemoved, MemberRoleChanged)
"""The messages that `standing_told` reads."""

_NAMES: Mapping[bool, str] = {True: "admin", False: "member"}


class Standing(Struct, frozen=True):
    """Somebody's place in a workspace: there or not, and in which role (`admin` or `member`)."""

    user_id: str
    present: bool
    role: str


def standing_told(payload: Message) -> Standing:
    """What `payload` says. A role of a newer producer counts as member, which may do the least. Raises ValueError for another message."""
    match payload:
        case MemberAdded():
            return Standing(payload.user_id, True, _NAMES[payload.role == ROLE_ADMIN])
        case MemberRoleChanged():
            return Standing(payload.user_id, True, _NAMES[payload.after == ROLE_ADMIN])
        case MemberRemoved():
            return Standing(payload.user_id, False, _NAMES[False])
        case _:
            raise ValueError("the message is not about a member")
