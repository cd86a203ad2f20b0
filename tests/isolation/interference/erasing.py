"""Drawing requests for erasure, of the workspace, of one report and of one person's data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from isolation.interference.asker import Asker
from isolation.interference.operations import Operation
from isolation.interference.tenants import ORG, WORD


def erasure(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    """The request to be erased: asked for, and taken back, since nothing works in the background."""
    page, api, rng = "/settings/data", "/api/v1/erasure", a.rng
    link = f"/erasures/{rng.choice([ORG, WORD])}/{a.request_id()}"

    def name() -> str:
        return rng.choice([WORD, f"{WORD} 1", "House"])

    def one() -> str:
        return f"{page}/reports/{a.report()}"

    def person() -> str:
        return f"{page}/people/{a.request_id()}"

    return (
        (3, lambda: a.page("retention", page)),
        (1, lambda: a.form("retention", f"{page}/erasure", {"workspace_name": name()})),
        (1, lambda: a.form("retention", f"{page}/erasure/take-back", {})),
        (1, lambda: a.page("retention", f"{page}/certificate.json")),
        (1, lambda: a.page("retention", f"{page}/certificate.pdf")),
        (2, lambda: a.api("retention", "GET", api)),
        (1, lambda: a.api("retention", "POST", api, {"workspace_name": name()})),
        (1, lambda: a.api("retention", "DELETE", api)),
        (2, lambda: a.page("retention", one())),
        (1, lambda: a.form("retention", f"{one()}/erasure", {"confirmation": rng.choice([a.report(), WORD])})),
        (1, lambda: a.form("retention", f"{one()}/erasure/take-back", {})),
        (1, lambda: a.page("retention", f"{one()}/certificate.json")),
        (1, lambda: a.page("retention", f"{one()}/certificate.pdf")),
        (2, lambda: a.api("retention", "GET", f"{api}/reports/{a.report()}")),
        (2, lambda: _asked_for(a, f"{api}/reports", a.report())),
        (1, lambda: a.api("retention", "DELETE", f"{api}/reports/{a.report()}")),
        (1, lambda: a.page("retention", f"{page}/people")),
        (2, lambda: a.form("retention", f"{page}/people", _named(a))),
        (1, lambda: a.page("retention", person())),
        (1, lambda: a.form("retention", f"{person()}/take-back", {})),
        (1, lambda: a.page("retention", f"{person()}/certificate.json")),
        (1, lambda: a.page("retention", f"{person()}/certificate.pdf")),
        (1, lambda: a.api("retention", "GET", f"{api}/people/{a.request_id()}")),
        (2, lambda: a.api("retention", "POST", f"{api}/people", _named(a))),
        (1, lambda: a.api("retention", "DELETE", f"{api}/people/{a.request_id()}")),
        (1, lambda: a.open("retention", f"{link}?ends=1&signature={WORD}")),
        (0, lambda: a.open("retention", f"{link}/certificate.json?ends=1&signature={WORD}")),
        (0, lambda: a.open("retention", f"{link}/certificate.pdf?ends=1&signature={WORD}")),
        # The same for everybody: once, in the tour.
        (0, lambda: a.open("retention", "/trust/certificate-keys")),
    )


def _named(a: Asker) -> dict[str, str]:
    """Whose data is to be erased: somebody of two workspaces, or of none."""
    email = a.rng.choice(["dana@person.example", f"{WORD.lower()}@person.example", "nobody"])
    return {"email": email, "confirmation": a.rng.choice([email, email, WORD])}


def _asked_for(a: Asker, path: str, report: str) -> Operation:
    return a.api("retention", "POST", f"{path}/{report}", {"confirmation": a.rng.choice([report, WORD])})
