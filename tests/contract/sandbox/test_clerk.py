"""Clerk as the sandbox plays it: keys, tokens of both versions, the browser's way in and out."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import jwt
import pytest

from contract.sandbox.specs import specification
from contract.sandbox.stage import SettableClock, Stage, admin
from local.sandbox.clerk.people import ORGANIZATIONS, PEOPLE, Role
from local.sandbox.server import RunningSandbox, running

ORIGIN = "http://127.0.0.1:8080"
Claims = dict[str, object]


async def verify(client: httpx.AsyncClient, token: str, issuer: str) -> Claims:
    """What a service does with a session token, the authorised party included."""
    keys = jwt.PyJWKSet.from_dict((await client.get("/clerk/.well-known/jwks.json")).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: Claims = jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, options={"verify_aud": False})
    assert claims["azp"] == ORIGIN
    return claims


async def mint(client: httpx.AsyncClient, **order: object) -> str:
    answer = await client.post("/clerk/_mint", json=order, headers=admin())
    assert answer.status_code == 200, answer.text
    return str(answer.json()["jwt"])


async def sign_in(client: httpx.AsyncClient, user: str, organization: str, target: str = "/") -> httpx.Response:
    form = {"user_id": user, "organization_id": organization, "redirect_url": target}
    return await client.post("/clerk/sign-in", data=form, headers={"origin": ORIGIN})


async def test_the_key_set_has_the_published_shape(client: httpx.AsyncClient) -> None:
    body = (await client.get("/clerk/.well-known/jwks.json")).json()
    specification("clerk").check(body, "JWKS")
    assert set(body["keys"][0]) == {"kty", "use", "alg", "kid", "n", "e"}


async def test_tokens_of_both_versions_verify(client: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    issuer = sandbox.sandbox.settings.issuer
    order = {"user": "user_harborline01", "organization": "org_harborline01"}
    second = await verify(client, await mint(client, **order), issuer)
    assert second["o"] == {"id": "org_harborline01", "slg": "harborline", "rol": "admin"}
    assert second["v"] == 2
    first = await verify(client, await mint(client, **order, version=1), issuer)
    assert (first["org_id"], first["org_role"]) == ("org_harborline01", "org:admin")
    assert "v" not in first
    assert "o" not in first
    assert "o" not in await verify(client, await mint(client, user="user_harborline01"), issuer)


async def test_bad_tokens_are_bad_in_the_way_ordered(client: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    issuer = sandbox.sandbox.settings.issuer
    order = {"user": "user_harborline01", "organization": "org_harborline01"}
    for flaw, error in (
        ({"expired": True}, jwt.ExpiredSignatureError),
        ({"wrong_key": True}, jwt.InvalidSignatureError),
        ({"issuer": "https://elsewhere.example"}, jwt.InvalidIssuerError),
    ):
        with pytest.raises(error):
            await verify(client, await mint(client, **order, **flaw), issuer)
    with pytest.raises(AssertionError):
        await verify(client, await mint(client, **order, azp="https://elsewhere.example"), issuer)
    assert (await client.post("/clerk/_mint", json=order)).status_code == 401


async def test_a_session_token_lives_sixty_seconds(client: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    token = await mint(client, user="user_quillstone02", organization="org_quillstone01")
    claims = await verify(client, token, sandbox.sandbox.settings.issuer)
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 60


def test_each_organisation_has_an_admin_and_a_member_and_one_person_is_in_both() -> None:
    for organization in ORGANIZATIONS:
        roles = {person.role_in(organization.organization_id) for person in PEOPLE}
        assert roles >= {Role.ADMIN, Role.MEMBER}
    assert sum(len(person.roles) == 2 for person in PEOPLE) == 1


async def test_the_page_offers_everybody_and_leads_back(client: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    page = await client.get("/clerk/sign-in", params={"redirect_url": "/runs/1?tab=quotes"})
    assert page.status_code == 200
    assert all(person.name in page.text for person in PEOPLE)
    assert page.text.count("<form") == sum(len(person.roles) for person in PEOPLE)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for asset in [*re.findall(r'href="(/clerk/[^"]+\.css)"', page.text), "/clerk/session.js"]:
        assert (await client.get(asset)).status_code == 200
    answer = await sign_in(client, "user_harborline02", "org_harborline01", "/runs/1?tab=quotes")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/1?tab=quotes")
    claims = await verify(client, client.cookies["__session"], sandbox.sandbox.settings.issuer)
    assert claims["sub"] == "user_harborline02"
    session, client_cookie = (
        next(header for header in answer.headers.get_list("set-cookie") if header.startswith(name))
        for name in ("__session=", "__client=")
    )
    assert "Path=/;" in f"{session};"
    assert "samesite=lax" in session.lower()
    assert "httponly" not in session.lower()
    assert "httponly" in client_cookie.lower()


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "//[",
        "/\\evil.example",
        "javascript:alert(1)",
        "\t//evil.example",
        "/a\nb",
        f"{ORIGIN}.evil.example/",
        f"{ORIGIN}//evil.example",
        "",
    ],
)
async def test_no_open_redirect(client: httpx.AsyncClient, target: str) -> None:
    answer = await sign_in(client, "user_harborline01", "org_harborline01", target)
    assert answer.headers["location"] == "/"


async def test_own_address_is_a_fine_target(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, "user_harborline01", "org_harborline01", f"{ORIGIN}/audit?page=2")
    assert answer.headers["location"] == "/audit?page=2"


async def test_a_stranger_to_the_organisation_and_a_foreign_page_are_refused(client: httpx.AsyncClient) -> None:
    assert (await sign_in(client, "user_harborline01", "org_quillstone01")).status_code == 422
    form = {"user_id": "user_harborline01", "organization_id": "org_harborline01"}
    foreign = await client.post("/clerk/sign-in", data=form, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert "__session" not in client.cookies


async def test_touch_renews_and_sign_out_ends(stage: Stage) -> None:
    clock = SettableClock()
    async with running(stage.settings(), clock) as sandbox, stage.client(sandbox.url) as client:
        assert (await client.post("/clerk/v1/client/touch")).status_code == 401
        await sign_in(client, "user_harborline01", "org_harborline01")
        before = client.cookies["__session"]
        clock.advance(45)
        assert (await client.post("/clerk/v1/client/touch", headers={"origin": ORIGIN})).status_code == 200
        old, new = (
            jwt.decode(token, options={"verify_signature": False}) for token in (before, client.cookies["__session"])
        )
        assert (new["exp"] - old["exp"], new["sid"]) == (45, old["sid"])
        foreign = await client.post("/clerk/v1/client/touch", headers={"origin": "https://evil.example"})
        assert foreign.status_code == 401
        clock.advance(8 * 86_400)
        assert (await client.post("/clerk/v1/client/touch")).status_code == 401
        await client.post("/clerk/sign-out", headers={"origin": ORIGIN})
        assert "__session" not in client.cookies


async def test_a_stale_session_is_renewed_on_the_way_but_never_in_circles(client: httpx.AsyncClient) -> None:
    await sign_in(client, "user_harborline01", "org_harborline01")
    client.cookies.delete("__clerk_renewed")
    again = await client.get("/clerk/sign-in", params={"redirect_url": "/dashboard"})
    assert (again.status_code, again.headers["location"]) == (303, "/dashboard")
    stuck = await client.get("/clerk/sign-in", params={"redirect_url": "/dashboard"})
    assert stuck.status_code == 200
    assert "did not accept" in stuck.text


async def test_switching_organisation(client: httpx.AsyncClient) -> None:
    headers = {"origin": ORIGIN}
    await sign_in(client, "user_northlight01", "org_harborline01")
    assert "Quillstone" in (await client.get("/clerk/organizations")).text
    form = {"organization_id": "org_quillstone01", "redirect_url": "/reports"}
    answer = await client.post("/clerk/v1/client/organization", data=form, headers=headers)
    assert answer.headers["location"] == "/reports"
    claims = jwt.decode(client.cookies["__session"], options={"verify_signature": False})
    assert claims["o"] == {"id": "org_quillstone01", "slg": "quillstone", "rol": "admin"}
    await sign_in(client, "user_harborline01", "org_harborline01")
    assert (await client.post("/clerk/v1/client/organization", data=form, headers=headers)).status_code == 403


async def test_a_session_token_is_no_client_token(client: httpx.AsyncClient) -> None:
    token = await mint(client, user="user_harborline01", organization="org_harborline01", lifetime=3600)
    client.cookies.set("__client", token, domain="localhost.local", path="/clerk")
    assert (await client.post("/clerk/v1/client/touch", headers={"cookie": f"__client={token}"})).status_code == 401


async def test_the_signing_key_outlives_a_restart_and_is_its_owners_alone(stage: Stage) -> None:
    keys = []
    for _ in range(2):
        async with running(stage.settings()) as sandbox, stage.client(sandbox.url) as client:
            keys.append((await client.get("/clerk/.well-known/jwks.json")).json())
    assert keys[0] == keys[1]
    assert (stage.folder / "data" / "clerk_signing_key.pem").stat().st_mode & 0o777 == 0o600


async def test_push_token_keys_are_read_from_their_file(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "certs.json"
    async with running(stage.settings(google_certs_file=path)) as sandbox, stage.client(sandbox.url) as client:
        assert (await client.get("/google/oauth2/v3/certs")).status_code == 503
        path.write_text('{"keys": []}', "utf-8")
        answer = await client.get("/google/oauth2/v3/certs")
    assert (answer.status_code, answer.json()) == (200, {"keys": []})
