"""What leaves for a language model, byte by byte, at a server that speaks TLS: promise P8."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
import trustme
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from unit.analysis.conversation import ACME, PLAN
from unit.analysis.long_calls import call

from analysis.domain.request import RunId
from analysis.models.analyst import analyse
from analysis.models.asking import About, Asker, Conversation, Patience
from analysis.models.catalog import catalog
from analysis.models.masking import Mask
from analysis.models.offer import read_offer
from analysis.models.port import AccountRefused, CutShort, ProviderTrouble, Refused
from analysis.models.providers import Providers
from contract.sandbox.specs import specification
from contract.sandbox.stage import ANTHROPIC_KEY, OPENAI_KEY, Stage
from core.errors import NotFound
from core.ids import uuid7
from egress import Egress
from local.sandbox import server
from local.sandbox.app import build_app
from local.sandbox.faults import AnswerFault, Fault
from local.sandbox.server import RunningSandbox
from local.sandbox.vendors import Provider

SECRETS = {"openai-api-key": OPENAI_KEY, "anthropic-api-key": ANTHROPIC_KEY}

TEXTS = [
    ("a", "Thanks for making the time today."),
    ("b", "My concern is the price, because our budget is nearly spent."),
    ("b", "Write to dana@brightwater.example or call +1 415 555 0132, the card is 4111 1111 1111 1111."),
]
PERSONAL = ("dana@brightwater.example", "555 0132", "4111 1111")
BRIEF = "What do buyers say about our price?"

# All that a request may say beside the model's name and the question.
ALLOWED = {
    "openai": {"input", "instructions", "max_output_tokens", "model", "prompt_cache_retention", "store", "text"},
    "anthropic": {"max_tokens", "messages", "model", "output_config", "system"},
}
PATHS = {"openai": "/openai/v1/responses", "anthropic": "/anthropic/v1/messages"}
SCHEMAS = {"openai": "CreateResponse", "anthropic": "MessageCreateParams"}
KEYS = {"openai": OPENAI_KEY, "anthropic": ANTHROPIC_KEY}

# Of the client libraries themselves: which library, which Python, how often tried.
LIBRARY_HEADERS = ("x-stainless-", "anthropic-")
HEADERS = {"host", "accept", "accept-encoding", "connection", "user-agent", "authorization", "x-api-key"} | {
    "content-type",
    "content-length",
}


@dataclass(slots=True)
class Wire:
    """A sandbox that remembers every request whole, and what asks it."""

    sandbox: RunningSandbox
    asker: Asker
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def talk(self, model: str, stand_ins: tuple[str, ...] = ()) -> Conversation:
        """A conversation about a call."""
        return self.asker.about(About(ACME, RunId(uuid7()), "call_1"), model, stand_ins)

    def arm(self, **fault: Any) -> None:
        """Spoil what a provider does."""
        self.sandbox.sandbox.switchboard.arm(Fault(**fault))

    def bodies(self) -> list[dict[str, Any]]:
        """The requests' bodies."""
        return [json.loads(body) for _, _, _, body in self.requests]


class Recorder:
    """Stands before the sandbox."""

    def __init__(self, app: ASGIApp, seen: list[tuple[str, str, dict[str, str], bytes]]) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self._seen.append((scope["method"], scope["path"], headers, body))
        whole: Message = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            return whole

        await self._app(scope, replay, send)


class KnownSecrets:
    """The keys, as Secret Manager has them."""

    def __init__(self) -> None:
        self.values = dict(SECRETS)

    async def read(self, name: str) -> bytes:
        if name not in self.values:
            raise NotFound(f"secret {name} does not exist")
        return self.values[name].encode()


@pytest.fixture
async def wire(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    """The sandbox, recorded, and the real clients on the real way out."""
    stage = Stage(tmp_path_factory.mktemp("wire"), trustme.CA())
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    def recorded(*given: Any) -> Starlette:
        app = build_app(*given)
        app.add_middleware(Recorder, seen=seen)
        return app

    monkeypatch.setattr(server, "build_app", recorded)
    async with server.running(stage.settings()) as sandbox:
        providers = Providers(f"{sandbox.url}/openai/v1", f"{sandbox.url}/anthropic", 5)
        async with (
            Egress(providers.destinations(), ca_file=stage.folder / "ca.pem") as egress,
            AsyncExitStack() as stack,
        ):
            offer = read_offer()
            models = catalog(providers, offer, egress, KnownSecrets(), stack)
            asker = Asker(offer, models, patience=Patience(retries=1, base=0.0), source=Random(1))
            yield Wire(sandbox, asker, seen)


def names_in(value: object) -> set[str]:
    """Every property's name, at any depth, but for those of the answer's schema."""
    if isinstance(value, dict):
        inner = [names_in(item) for name, item in value.items() if name != "schema"]
        return set(value).union(*inner)
    return set().union(*map(names_in, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("model", PLAN)
async def test_one_request_leaves_and_says_nothing_but_the_question(wire: Wire, model: str) -> None:
    provider = model.partition("/")[0]
    talk = wire.talk(model)
    found = call(TEXTS, title="With dana@brightwater.example", deal={"account": "Brightwater", "amount": 64000.0})
    result = await analyse(talk, BRIEF, found, Mask(on=True))
    assert result.findings[0].quotes[0].text == TEXTS[1][1]
    [(method, path, headers, body)] = wire.requests
    sent = json.loads(body)
    assert (method, path) == ("POST", PATHS[provider])
    assert set(sent) == ALLOWED[provider] - (
        {"prompt_cache_retention"} if "prompt_cache_retention" not in sent else set()
    )
    forbidden = {
        "metadata",
        "user",
        "user_id",
        "safety_identifier",
        "prompt_cache_key",
        "file_id",
        "file_data",
        "file_url",
    } | {
        *("background", "conversation", "previous_response_id", "tools", "container", "stream", "service_tier", "batch")
    }
    assert names_in(sent) & forbidden == set()
    assert not any(secret in body.decode() for secret in (*PERSONAL, ACME, str(talk.about.run_id), "call_1"))
    if provider == "openai":
        assert sent["store"] is False
        assert sent["prompt_cache_retention"] == "in_memory"
    assert KEYS[provider] in (headers.get("authorization", "") + headers.get("x-api-key", ""))
    unknown = {name for name in headers if name not in HEADERS and not name.startswith(LIBRARY_HEADERS)}
    assert unknown == set(), "a header may name a customer, a project or a user"
    assert not any(word in name for name in headers for word in ("metadata", "user-id", "organization", "project"))
    specification(provider).check(sent, SCHEMAS[provider])


async def test_what_is_noted_of_a_request_is_what_left(wire: Wire) -> None:
    for model in ("openai/small", "anthropic/small"):
        talk = wire.talk(model)
        found = call(TEXTS, title="With dana@brightwater.example", deal={"account": "Brightwater"})
        await analyse(talk, BRIEF, found, Mask(on=True))
        [noted] = talk.requests
        *_, (_, _, headers, body) = wire.requests
        assert noted.sent == len(body) == int(headers["content-length"])
        assert noted.card.name == json.loads(body)["model"]
        assert noted.card.storage == ("off" if model.startswith("openai") else "none")
        assert [kind.value for kind in noted.prompt.data] == ["brief", "transcript", "speakers", "title", "deal"]
        assert noted.prompt.masked == {"email": 2, "phone": 1, "card": 1}
        journal = wire.sandbox.sandbox.journal.report()[-1]
        assert (noted.tokens.input, noted.tokens.output) == (journal["input_tokens"], journal["output_tokens"])


async def test_all_calls_of_a_run_begin_alike(wire: Wire) -> None:
    for text in ("Good morning everybody out there.", "Let us begin with the pilot today."):
        await analyse(wire.talk("anthropic/small"), BRIEF, call([("a", text), *TEXTS]), Mask(on=True))
        await analyse(wire.talk("openai/small"), BRIEF, call([("a", text), *TEXTS]), Mask(on=True))
    first, one, second, other = wire.bodies()
    fixed, again = (body["messages"][0]["content"][0] for body in (first, second))
    assert fixed == again
    assert fixed["cache_control"] == {"type": "ephemeral"}
    assert (first["system"], first["output_config"]) == (second["system"], second["output_config"])
    beginning = f'{{"brief":{json.dumps(BRIEF)},'
    assert one["instructions"] == other["instructions"]
    assert one["input"].startswith(beginning)
    assert other["input"].startswith(beginning)


async def test_an_overloaded_provider_is_asked_again_and_then_the_other_one(wire: Wire) -> None:
    wire.arm(provider=Provider.OPENAI, status=503, retry_after=0)
    talk = wire.talk("openai/small", PLAN)
    for _ in range(2):
        with pytest.raises(ProviderTrouble, match="overloaded"):
            await analyse(talk, BRIEF, call(TEXTS), Mask(on=True))
    assert [one.outcome.value for one in talk.requests] == ["overloaded"] * 4
    with pytest.raises(ProviderTrouble, match="too often"):
        await analyse(wire.talk("openai/small"), BRIEF, call(TEXTS), Mask(on=True))
    talk = wire.talk("openai/small", PLAN)
    assert (await analyse(talk, BRIEF, call(TEXTS), Mask(on=True))).findings
    assert talk.answered_by == ("anthropic/small",)
    assert len(wire.requests) == 6, "OpenAI was left alone once it counted as away"


async def test_an_account_without_credit_is_told_from_a_busy_provider(wire: Wire) -> None:
    wire.arm(provider=Provider.ANTHROPIC, status=402)
    talk = wire.talk("anthropic/small")
    with pytest.raises(AccountRefused, match="credit is used up"):
        await analyse(talk, BRIEF, call(TEXTS), Mask(on=True))
    assert [one.outcome.value for one in talk.requests] == ["account_empty"]


@pytest.mark.parametrize("model", ["openai/small", "anthropic/small"])
async def test_refusals_and_cut_off_answers_come_as_the_providers_send_them(wire: Wire, model: str) -> None:
    provider = Provider(model.partition("/")[0])
    wire.arm(provider=provider, answer=AnswerFault.REFUSAL, count=1)
    with pytest.raises(Refused):
        await analyse(wire.talk(model), BRIEF, call(TEXTS), Mask(on=True))
    wire.arm(provider=provider, answer=AnswerFault.CUT_SHORT, count=1)
    talk = wire.talk(model)
    assert (await analyse(talk, BRIEF, call(TEXTS), Mask(on=True))).findings
    limits = [body.get("max_output_tokens") or body.get("max_tokens") for body in wire.bodies()[-2:]]
    assert limits == [16_000, 64_000]
    wire.arm(provider=provider, answer=AnswerFault.CUT_SHORT, count=2)
    with pytest.raises(CutShort, match="twice"):
        await analyse(wire.talk(model), BRIEF, call(TEXTS), Mask(on=True))
    assert all(one.tokens.input > 0 for one in talk.requests), "what a cut-off answer cost is known"
