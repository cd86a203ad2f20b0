"""Who draws requests: ids and input that are right, missing, malformed, or another workspace's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import urlencode

from isolation.interference.asgi import Headers
from isolation.interference.known import Known, new_id
from isolation.interference.operations import Ask, Take
from isolation.interference.tenants import GONG_KEY, GONG_SECRET, ORG, WORD

_FORM = ("content-type", "application/x-www-form-urlencoded")
_JSON = ("content-type", "application/json")
_PEOPLE = (
    ("admin",) * 18 + ("member",) * 7 + ("nobody", "nobody", "expired", "forged", "homeless", "stranger", "nonsense")
)

BRIEFS = (
    f"What do buyers of {WORD} say about our price?",
    f"Which competitors of {WORD} are named, and why?\nOnly what customers say counts.",
    f"{WORD}: objections to a <b>long</b> contract & how reps answer",
)


@dataclass(frozen=True, slots=True)
class Asker:
    """Draws requests from `rng`, with what is known by now."""

    rng: Random
    known: Known

    def page(self, service: str, target: str, *, part: bool = False) -> Ask:
        """A page as a browser opens it; sometimes the part that htmx polls for."""
        live = part and self.rng.random() < 0.5
        headers = [("accept", "text/html"), ("sec-fetch-site", "same-origin")] + [("hx-request", "true")] * live
        return Ask(service, "GET", target, self._who(), False, headers)

    def form(self, service: str, target: str, fields: Mapping[str, str]) -> Ask:
        """A form as a browser sends it; sometimes from another site's page, or by htmx."""
        site = "cross-site" if self.rng.random() < 0.04 else "same-origin"
        live = [("hx-request", "true")] if self.rng.random() < 0.3 else []
        headers = [("accept", "text/html"), ("sec-fetch-site", site), _FORM, *live]
        return Ask(service, "POST", target, self._who(), False, headers, urlencode(fields))

    def api(self, service: str, method: str, target: str, body: object = None) -> Ask:
        """A request of the API; sometimes its body is none."""
        text = "" if body is None else json.dumps(body)
        if text and self.rng.random() < 0.04:
            text = self.rng.choice(["", "{", "[]", "null", '"text"', text[:-3]])
        headers: Headers = [_JSON, ("accept", "application/json")] if text else [("accept", "application/json")]
        return Ask(service, method, target, self._who(), True, headers, text)

    def open(self, service: str, target: str, method: str = "GET") -> Ask:
        """A request that needs no session."""
        return Ask(service, method, target, headers=self.rng.choice([[("accept", "text/html")], []]))

    def take(self, target: str) -> Take:
        """The file of an export, by its link."""
        return Take(target, self._who(), self.rng.random() < 0.1)

    def _who(self) -> str:
        return self.rng.choice(_PEOPLE)

    def run(self) -> str:
        """A run's id."""
        return self.known.some(self.rng, self.known.runs, self.known.foreign.runs)

    def preview(self) -> str:
        """A preview's id."""
        return self.known.some(self.rng, self.known.previews, self.known.foreign.runs)

    def schedule(self) -> str:
        """A schedule's id."""
        return self.known.some(self.rng, self.known.schedules, self.known.foreign.runs)

    def report(self) -> str:
        """A report's id."""
        return self.known.some(self.rng, self.known.reports, self.known.foreign.reports)

    def kind(self) -> str:
        """A format of exports."""
        return self.rng.choice(["pdf", "docx", "json", "csv", "pdf", "xml"])

    def number(self) -> str:
        """An export's number."""
        return self.rng.choice(["1", "1", "1", "2", "2", "3", "99", "0", "x"])

    def call(self) -> str:
        """A call's id."""
        return self.rng.choice(["call1", "call2", "call3", "call4", "nobody's", "%2e%2e"])

    def question(self) -> dict[str, str]:
        """A question's fields; one in five has something wrong with it."""
        rng = self.rng
        fields = {"brief": rng.choice(BRIEFS), "max_calls": str(rng.choice([1, 2, 3, 5]))}
        if rng.random() < 0.5:
            fields["request_id"] = self.request_id()
        if rng.random() < 0.2:
            fields |= {"stages": "Proposal, Negotiation", "amount_min": "10", "owners": f"{WORD} owner"}
        if rng.random() < 0.2:
            fields |= rng.choice(_WRONG)
        return fields

    def planned(self) -> dict[str, str]:
        """A schedule's fields; one in five has something wrong with it."""
        rng = self.rng
        fields = {
            "brief": rng.choice(BRIEFS),
            "max_calls": str(rng.choice([1, 2, 3])),
            "name": rng.choice(["", f"{WORD} every day"]),
            "cadence": rng.choice(["daily", "daily", "monthly"]),
            "month_day": rng.choice(["1", "31"]),
            "time": rng.choice(["00:00", "09:30", "23:59"]),
            "timezone": rng.choice(["", "", "Asia/Tokyo"]),
            "range": rng.choice(["last_7_days", "previous_month", "since_last_firing"]),
        }
        if rng.random() < 0.3:
            fields["request_id"] = self.request_id()
        if rng.random() < 0.2:
            fields |= rng.choice(_WRONGLY_PLANNED)
        return fields

    def sought(self) -> str:
        """A search; one in four has something wrong with it."""
        asked = {"q": self.rng.choice(["price", f"{WORD} OR price", '"the price"', "plan -price", "customer"])}
        if self.rng.random() < 0.3:
            asked |= {"report_id": self.report(), "run_id": self.run()}
        if self.rng.random() < 0.25:
            asked |= self.rng.choice([{"q": "-x"}, {"q": ""}, {"cursor": "x"}, {"sentiment": "angry"}, {"from": "x"}])
        return urlencode(asked)

    def tool(self) -> Ask:
        """A message of an assistant; one in six is none."""
        rng = self.rng
        uses: list[tuple[str, dict[str, object]]] = [
            ("list_runs", {}),
            (
                "start_run",
                {"brief": rng.choice(BRIEFS), "max_calls": 1, "idempotency_key": f"key-number-{rng.randrange(20)}"},
            ),
            ("get_report", {"report_id": self.report(), "theme": rng.choice([None, 1, 2])}),
            ("search_findings", {"query": rng.choice(["price", f"{WORD} OR price"])}),
            ("list_schedules", {}),
            ("edit_schedule", {"schedule_id": self.schedule(), "version": rng.choice([1, 2]), "state": "paused"}),
        ]
        name, arguments = rng.choice(uses)
        method, params = (
            ("tools/list", {}) if rng.random() < 0.1 else ("tools/call", {"name": name, "arguments": arguments})
        )
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers: Headers = [_JSON, ("accept", "application/json, text/event-stream")]
        text = json.dumps(body) if rng.random() < 0.9 else rng.choice(["{", "[]", "null"])
        return Ask("analysis", "POST", "/mcp", self._who(), True, headers, text)

    def seen(self) -> dict[str, str]:
        """The version of a schedule that was looked at: mostly an early one, as most schedules are at."""
        return {"version": str(self.rng.choice([1, 1, 2, 2, 3, 4]))}

    def request_id(self) -> str:
        """A request's id, sometimes one that was sent before."""
        if self.known.requests and self.rng.random() < 0.3:
            return self.rng.choice(self.known.requests)
        self.known.requests.append(new_id(self.rng))
        return self.known.requests[-1]

    def key(self) -> dict[str, str]:
        """A Gong key's fields, mostly the right one."""
        right = {"access_key": GONG_KEY, "secret": GONG_SECRET}
        wrong = [{"access_key": "", "secret": ""}, {"access_key": "a:b", "secret": "c"}, {"secret": "x" * 600}, {}]
        bad_address = right | {
            "base_url": self.rng.choice(["http://evil.example", "https://evilgong.io", "https://1.gong.io/x"])
        }
        return self.rng.choice([right] * 6 + [*wrong, bad_address, right | {"secret": f"not-{WORD}"}])


_WRONG: Sequence[dict[str, str]] = (
    {"brief": ""},
    {"brief": "x" * 10_001},
    {"from": "2026-02-31"},
    {"from": "2026-05-01", "to": "2026-04-01"},
    {"from": "1990-01-01", "to": "2026-04-01"},
    {"max_calls": "0"},
    {"max_calls": "many"},
    {"max_calls": "999999"},
    {"model": "openai/large"},
    {"model": f"{WORD}/none"},
    {"amount_min": "nan"},
    {"request_id": "not-an-id"},
    {"workspace_id": ORG},
    {"stages": ",".join(["stage"] * 60)},
)


_WRONGLY_PLANNED: Sequence[dict[str, str]] = (
    {"brief": " "},
    {"time": "25:00"},
    {"timezone": "Mars/Base"},
    {"month_day": "32", "cadence": "monthly"},
    {"cadence": "weekly"},
    {"cadence": WORD},
    {"range": "next_week"},
    {"model": f"{WORD}/none"},
    {"max_calls": "0"},
    {"workspace_id": ORG},
)
