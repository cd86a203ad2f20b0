"""An application that connects: it leads a browser to the consent page, exchanges the code, renews, each as its vendor wants."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from contract.sandbox.stage import OAUTH_CALLBACKS, OAUTH_CLIENTS, admin

AUTHORIZE = {
    "gong": "/gong/oauth2/authorize",
    "hubspot": "/hubspot/oauth/authorize",
    "slack": "/slack/oauth/v2/authorize",
}
TOKEN = {
    "gong": "/gong/oauth2/generate-customer-token",
    "hubspot": "/hubspot/oauth/2026-03/token",
    "slack": "/slack/api/oauth.v2.access",
}
SCOPES = {
    "gong": ("api:calls:read:basic", "api:calls:read:extensive", "api:calls:read:transcript", "api:users:read"),
    "hubspot": ("oauth", "crm.objects.deals.read"),
    "slack": ("chat:write", "channels:read"),
}
SEPARATORS = {"gong": " ", "hubspot": " ", "slack": ","}
VERIFIER = "a-verifier-of-enough-characters-for-rfc-7636-to-accept-it"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
Tokens = dict[str, object]


@dataclass(frozen=True, slots=True)
class Application:
    """Callmine as one provider knows it."""

    http: httpx.AsyncClient
    provider: str

    @property
    def callback(self) -> str:
        """Where the provider leads the browser back to."""
        return OAUTH_CALLBACKS[self.provider]

    def question(self, **changes: str) -> dict[str, str]:
        """The query of the consent page; an empty change leaves the parameter out."""
        asked = {
            "client_id": OAUTH_CLIENTS[self.provider][0],
            "redirect_uri": self.callback,
            "response_type": "code",
            "scope": SEPARATORS[self.provider].join(SCOPES[self.provider]),
            "state": "a state & more",
            "access_type": "offline",
        }
        return {name: value for name, value in (asked | changes).items() if value}

    async def ask(self, **changes: str) -> httpx.Response:
        """The consent page."""
        return await self.http.get(AUTHORIZE[self.provider], params=self.question(**changes))

    async def decide(
        self, decision: str = "allow", account: str = "harborline", scopes: Sequence[str] | None = None, **changes: str
    ) -> httpx.Response:
        """What a press of Allow or Cancel does."""
        form = {
            "decision": decision,
            "account": account,
            "scope": list(SCOPES[self.provider]) if scopes is None else scopes,
        }
        return await self.http.post(AUTHORIZE[self.provider], params=self.question(**changes), data=form)

    async def code(self, **changes: str) -> str:
        """A code, as it comes back with the browser."""
        answer = await self.decide(**changes)
        assert answer.status_code == 303, answer.text
        return led_back(answer)["code"]

    async def exchange(self, code: str, **changes: str) -> httpx.Response:
        """Asks for the tokens of a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.callback}
        return await self.post(form | changes)

    async def refresh(self, refresh_token: object, **changes: str) -> httpx.Response:
        """Asks for new tokens."""
        return await self.post({"grant_type": "refresh_token", "refresh_token": str(refresh_token)} | changes)

    async def connect(self, **changes: str) -> Tokens:
        """Tokens by way of the consent page."""
        answer = await self.exchange(await self.code(**changes))
        assert answer.status_code == 200, answer.text
        tokens: Tokens = answer.json()
        return tokens

    async def post(self, form: dict[str, str], path: str | None = None) -> httpx.Response:
        """Posts to the token endpoint, or another, with the client's id and secret where the vendor wants them."""
        client_id, secret = form.pop("as_client", ""), form.pop("with_secret", "")
        registered = OAUTH_CLIENTS[self.provider]
        client_id, secret = client_id or registered[0], secret or registered[1]
        sent = {name: value for name, value in form.items() if value}
        if self.provider == "hubspot":
            sent |= {"client_id": client_id, "client_secret": secret}
            return await self.http.post(path or TOKEN[self.provider], data=sent)
        return await self.http.post(path or TOKEN[self.provider], data=sent, auth=(client_id, secret))

    async def works(self, tokens: Tokens) -> bool:
        """Whether the provider takes the access token at this moment."""
        token = str(tokens["access_token"])
        bearer = {"authorization": f"Bearer {token}"}
        if self.provider == "gong":
            return (await self.http.get("/gong/v2/users", headers=bearer)).status_code == 200
        if self.provider == "slack":
            return bool((await self.http.post("/slack/api/auth.test", headers=bearer)).json()["ok"])
        answer = await self.post({"token": token}, f"{TOKEN['hubspot']}/introspect")
        return bool(answer.json()["active"])

    async def control(self, method: str, path: str, **order: object) -> dict[str, object]:
        """One of the sandbox's controls over this provider; what it answers."""
        answer = await self.http.request(method, f"/_oauth/{self.provider}/{path}", json=order, headers=admin())
        assert answer.is_success, answer.text
        body: dict[str, object] = answer.json() if answer.content else {}
        return body

    def refuses(self, answer: httpx.Response, code: str) -> bool:
        """Whether the answer is this provider's refusal: ``ok: false`` with 200 for Slack, a 4xx for the others."""
        body = answer.json()
        if self.provider == "slack":
            return answer.status_code == 200 and body == {"ok": False, "error": code}
        return answer.status_code in {400, 401} and body["error"] == code and bool(body["error_description"])


def led_back(answer: httpx.Response) -> dict[str, str]:
    """The query with which a browser is sent back to the application."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def token_calls(client: httpx.AsyncClient) -> list[dict[str, object]]:
    """What the journal has of token calls."""
    calls: list[dict[str, object]] = (await client.get("/_journal", headers=admin())).json()["token_calls"]
    return calls


def name_of(token: object) -> str:
    """What the journal calls a token."""
    return hashlib.sha256(str(token).encode()).hexdigest()[:16]
