"""Claims to session: both of Clerk's versions, and what is refused."""

from __future__ import annotations

import pytest
from unit.web.issuer import claims_v1, claims_v2, common_claims

from contracts import Actor, ActorKind, Source
from core.errors import Forbidden, Unauthenticated
from web import Role
from web.session import NoWorkspace, session_of


@pytest.mark.parametrize("claims", [claims_v1("org:admin"), claims_v2("admin"), claims_v1("admin")])
def test_both_versions_of_claims_give_the_same_session(claims: dict[str, object]) -> None:
    session = session_of(claims | {"email": "maya@harborline.example"}, from_cookie=True)
    assert (session.user_id, session.workspace_id, session.workspace_slug) == ("user_2abc", "org_2abc", "harborline")
    assert (session.role, session.is_admin, session.session_id) == (Role.ADMIN, True, "sess_2abc")
    assert session.actor == Actor(ActorKind.USER, "user_2abc", "maya@harborline.example", Source.WEB)


@pytest.mark.parametrize("claims", [claims_v1("org:member"), claims_v2("member")])
def test_members(claims: dict[str, object]) -> None:
    session = session_of(claims, from_cookie=False)
    assert (session.role, session.is_admin, session.email) == (Role.MEMBER, False, "")
    assert session.actor.source is Source.API


def test_version_two_wins_over_flat_claims() -> None:
    session = session_of(claims_v1("org:admin") | claims_v2("member"), from_cookie=True)
    assert session.role is Role.MEMBER


@pytest.mark.parametrize(
    "claims",
    [
        claims_v2() | {"sts": "pending"},
        claims_v2() | {"sub": ""},
        claims_v2() | {"sub": 7},
        claims_v2() | {"sub": "user_1/../2"},
        claims_v2() | {"o": {"id": "org_2'; --", "rol": "admin"}},
        claims_v1() | {"org_id": "harborline"},
    ],
)
def test_unfinished_and_malformed_sessions_are_no_sessions(claims: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        session_of(claims, from_cookie=True)


@pytest.mark.parametrize("claims", [common_claims(), common_claims() | {"o": {}}, claims_v1() | {"org_id": None}])
def test_without_an_active_workspace_there_is_nothing_to_see(claims: dict[str, object]) -> None:
    with pytest.raises(NoWorkspace, match="no workspace is active"):
        session_of(claims, from_cookie=True)


@pytest.mark.parametrize("claims", [claims_v2("owner"), claims_v1("org:billing"), claims_v2(""), claims_v2("Admin")])
def test_a_role_that_is_not_ours_opens_nothing(claims: dict[str, object]) -> None:
    with pytest.raises(Forbidden, match="role"):
        session_of(claims, from_cookie=True)
