"""Drawing requests: every route of every service, with ids and input that are right, missing, malformed, or another workspace's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from urllib.parse import quote, urlencode

from isolation.interference.asker import BRIEFS, Asker
from isolation.interference.erasing import erasure
from isolation.interference.known import MALFORMED, Known, new_id
from isolation.interference.operations import Ask, Hook, Operation, StripeHook
from isolation.interference.tenants import ORG, WORD

__all__ = ["BRIEFS", "Asker", "choices", "request"]


def _schedules(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    service, pages, api = "analysis", "/schedules", "/api/v1/schedules"

    def one(path: str) -> str:
        return f"{path}/{a.schedule()}"

    def older(path: str) -> str:
        return f"{path}?before={quote(a.rng.choice(['2026-01-01T00:00:00+00:00', '2999-01-01T00:00:00Z', 'x']))}"

    # Drafted and activated first, so that a tour has one to go on with.
    return (
        (2, lambda: a.form(service, pages, a.planned())),
        (3, lambda: a.api(service, "POST", api, a.planned())),
        (2, lambda: a.form(service, f"{one(pages)}/activate", a.seen())),
        (4, lambda: a.api(service, "POST", f"{one(api)}/activate", {"version": int(a.seen()["version"])})),
        (3, lambda: a.page(service, pages)),
        (1, lambda: a.page(service, f"{pages}/new")),
        (4, lambda: a.page(service, a.rng.choice([one(pages), older(one(pages))]))),
        (1, lambda: a.page(service, f"{one(pages)}/edit")),
        (1, lambda: a.page(service, f"{one(pages)}/review")),
        (1, lambda: a.form(service, one(pages), a.planned() | a.seen())),
        (1, lambda: a.form(service, f"{one(pages)}/run", {})),
        (1, lambda: a.form(service, f"{one(pages)}/pause", {})),
        (1, lambda: a.form(service, f"{one(pages)}/delete", {})),
        (3, lambda: a.api(service, "GET", api)),
        (3, lambda: a.api(service, "GET", one(api))),
        (3, lambda: a.api(service, "GET", a.rng.choice([f"{one(api)}/firings", older(f"{one(api)}/firings")]))),
        (1, lambda: a.api(service, "PUT", one(api), {**a.planned(), "version": int(a.seen()["version"])})),
        (1, lambda: a.api(service, "POST", f"{one(api)}/run")),
        (1, lambda: a.api(service, "POST", f"{one(api)}/pause")),
        (1, lambda: a.api(service, "DELETE", one(api))),
    )


def _delivery(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    service, page, api = "analysis", "/settings/delivery", "/api/v1/delivery"

    def chosen() -> dict[str, str]:
        return {
            "post": a.rng.choice(["true", "true", "false"]),
            "channel": a.rng.choice(["C0SALES0001", "C0GENERAL01", "", f"#{WORD}"]),
            "covers": a.rng.choice(["all", "schedules", WORD]),
            "version": str(a.rng.choice([0, 0, 1, 2])),
        }

    def put() -> dict[str, object]:
        sent = chosen()
        return {"channel": sent["channel"] or None, "covers": sent["covers"], "version": int(sent["version"])}

    # An id of another kind, which names no delivery and no notice; those that there are are asked for in test_elsewhere_routes.
    return (
        (2, lambda: a.api(service, "PUT", api, put())),
        (2, lambda: a.form(service, page, chosen())),
        (2, lambda: a.page(service, page)),
        (1, lambda: a.form(service, f"{page}/channels", {})),
        (1, lambda: a.page(service, f"{page}/channels", part=True)),
        (1, lambda: a.form(service, f"/deliveries/{a.run()}/repeat", {})),
        (1, lambda: a.form(service, f"/notices/{a.run()}/dismiss", {})),
        (2, lambda: a.api(service, "GET", api)),
        (1, lambda: a.api(service, "GET", f"{api}/channels")),
        (1, lambda: a.api(service, "POST", f"{api}/channels")),
        (1, lambda: a.api(service, "POST", f"/api/v1/deliveries/{a.run()}/repeat")),
        (2, lambda: a.api(service, "GET", f"/api/v1/runs/{a.run()}/deliveries")),
    )


def _analysis(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    service = "analysis"
    return (
        (1, lambda: a.page(service, "/")),
        (8, lambda: a.page(service, a.rng.choice(["/dashboard", f"/dashboard?before={quote(a.run())}"]))),
        (3, lambda: a.page(service, "/new")),
        (3, lambda: a.form(service, "/previews", a.question())),
        (5, lambda: a.page(service, f"/previews/{a.preview()}", part=True)),
        (6, lambda: a.form(service, "/runs", a.question())),
        (12, lambda: a.page(service, f"/runs/{a.run()}", part=True)),
        (2, lambda: a.form(service, f"/runs/{a.run()}/cancel", {})),
        (2, lambda: a.form(service, f"/runs/{a.run()}/resume", {})),
        (2, lambda: a.api(service, "POST", "/api/v1/previews", a.question())),
        (3, lambda: a.api(service, "GET", f"/api/v1/previews/{a.preview()}")),
        (6, lambda: a.api(service, "POST", "/api/v1/runs", a.question())),
        (5, lambda: a.api(service, "GET", a.rng.choice(["/api/v1/runs", f"/api/v1/runs?before={quote(a.run())}"]))),
        (6, lambda: a.api(service, "GET", f"/api/v1/runs/{a.run()}")),
        (3, lambda: a.page(service, f"/runs/{a.run()}/events")),
        (3, lambda: a.api(service, "GET", f"/api/v1/runs/{a.run()}/events?after={a.rng.choice(['', 'v1-0', WORD])}")),
        (3, lambda: a.page(service, f"/runs/{a.run()}/requests")),
        (3, lambda: a.api(service, "GET", f"/api/v1/runs/{a.run()}/model-requests")),
        (2, lambda: a.api(service, "POST", f"/api/v1/runs/{a.run()}/cancel")),
        (2, lambda: a.api(service, "POST", f"/api/v1/runs/{a.run()}/resume")),
        (5, lambda: a.api(service, "GET", f"/api/v1/reports/{a.report()}")),
        (
            3,
            lambda: a.api(
                service, "POST", f"/api/v1/reports/{a.report()}/export?format={a.rng.choice(['json', 'xml'])}"
            ),
        ),
        (4, lambda: a.page(service, f"/search?{a.sought()}")),
        (4, lambda: a.api(service, "GET", f"/api/v1/findings?{a.sought()}")),
        (6, a.tool),
        *_reports(a),
    )


def _reports(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    service = "analysis"
    return (
        (7, lambda: a.page(service, f"/reports/{a.report()}")),
        (4, lambda: a.page(service, f"/reports/{a.report()}/calls/{a.call()}")),
        (
            3,
            lambda: a.form(service, f"/reports/{a.report()}/export", {"format": a.rng.choice(["json", "json", "pdf"])}),
        ),
        (3, lambda: a.form(service, f"/reports/{a.report()}/exports", {"format": a.kind()})),
        (3, lambda: a.page(service, f"/reports/{a.report()}/exports/{a.number()}", part=True)),
        (1, lambda: a.page(service, f"/reports/{a.report()}/exports/{a.number()}/file?ends=1&signature=x")),
        (
            1,
            lambda: a.api(service, "GET", f"/api/v1/reports/{a.report()}/exports/{a.number()}/file?ends=1&signature=x"),
        ),
        (1, lambda: a.open(service, "/api/v1/docs")),
        (1, lambda: a.open(service, "/api/v1/openapi.json")),
        (2, lambda: a.api(service, "POST", f"/api/v1/reports/{a.report()}/exports?format={a.kind()}")),
        (1, lambda: a.api(service, "GET", f"/api/v1/reports/{a.report()}/exports")),
        (3, lambda: a.take(f"/reports/{a.report()}/exports/{a.number()}")),
    )


def _audit(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    kinds = ["", "", "", "report.exported", "member.added", "workspace.updated", f"{WORD}"]

    def chosen() -> dict[str, str]:
        rng = a.rng
        drawn = {
            "type": rng.choice(kinds),
            "source": rng.choice(["", "", "", "web", "api", "system", WORD]),
            "actor": rng.choice(["", "", "", "clerk", f"{WORD}@example.com"]),
            "target": rng.choice(["", "", "", "gong", WORD]),
            "text": rng.choice(["", "", "", "status", f"{WORD}", "connected status", "..."]),
            "from": rng.choice(["", "", "", "2026-01-01", "2026-02-31"]),
            "to": rng.choice(["", "", "", "2027-01-01"]),
        }
        return {name: value for name, value in drawn.items() if value and rng.random() < 0.7}

    def query(sizes: Sequence[int | str]) -> str:
        cursor = a.rng.choice([*a.known.cursors[-3:], "", "", "", "", MALFORMED[0]])
        fields = {**chosen(), "cursor": cursor, "size": a.rng.choice(sizes)}
        return urlencode({name: value for name, value in fields.items() if value != ""})

    def news() -> str:
        # Early enough that every entry is new, whenever each world came to it.
        return urlencode({**chosen(), "mark": a.rng.choice(["2026-01-01T00:00:00Z~0"] * 5 + [WORD, ""])})

    def file() -> str:
        return urlencode({**chosen(), "format": a.rng.choice(["csv", "jsonl", "jsonl", "proof", "xml"])})

    log, published = "/audit/log", ["keys", "checkpoint", "tile/0/000", "callmine_verify.py"]
    return (
        # Nothing is sealed here: what sealing does with several workspaces is told by the proof of the log.
        (1, lambda: a.open("audit", f"{log}/{a.rng.choice(published)}")),
        (0, lambda: a.open("audit", f"{log}/keys")),
        (0, lambda: a.open("audit", f"{log}/checkpoint")),
        (0, lambda: a.open("audit", f"{log}/tile/0/000")),
        (0, lambda: a.open("audit", f"{log}/callmine_verify.py")),
        (0, lambda: a.open("audit", f"{log}/callmine_verify_selection.py")),
        (1, lambda: a.api("audit", "GET", f"/api/v1{log}/checkpoint")),
        (1, lambda: a.api("audit", "GET", f"/api/v1{log}/export")),
        (4, lambda: a.page("audit", f"/audit?{query([''])}")),
        (2, lambda: a.page("audit", f"/audit/new?{news()}", part=True)),
        (2, lambda: a.page("audit", f"/audit/export?{file()}")),
        (6, lambda: a.api("audit", "GET", f"/api/v1/audit?{query([1, 2, 2, 5, 5, 50, 200, 201, 0, 'x'])}")),
        (2, lambda: a.api("audit", "GET", f"/api/v1/audit/new?{news()}")),
        (2, lambda: a.api("audit", "GET", f"/api/v1/audit/export?{file()}")),
    )


def _streaming(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    def stream() -> dict[str, str]:
        url = a.rng.choice(
            [f"https://siem.{WORD}.example/in", "https://siem.example.com:8443", "http://x", "https://10.0.0.1/"]
        )
        return {"url": url, "version": str(a.rng.choice([0, 0, 1, 1, 2, 3]))}

    def pull() -> str:
        return urlencode(
            {"cursor": a.rng.choice(["", "", "0", "1", "7", WORD]), "size": a.rng.choice([1, 5, 500, 501])}
        )

    streaming = "/audit/streaming"
    return (
        (2, lambda: a.page("audit", streaming)),
        (2, lambda: a.form("audit", streaming, stream())),
        (1, lambda: a.form("audit", f"{streaming}/{a.rng.choice(['pause', 'resume', 'remove'])}", a.seen())),
        (0, lambda: a.form("audit", f"{streaming}/pause", a.seen())),
        (0, lambda: a.form("audit", f"{streaming}/resume", a.seen())),
        (0, lambda: a.form("audit", f"{streaming}/remove", a.seen())),
        # Waits for the vault where there is a stream: once is enough.
        (0, lambda: a.form("audit", f"{streaming}/test", {})),
        (0, lambda: a.api("audit", "POST", f"/api/v1{streaming}/test")),
        (2, lambda: a.api("audit", "GET", f"/api/v1{streaming}")),
        (2, lambda: a.api("audit", "PUT", f"/api/v1{streaming}", stream())),
        (1, lambda: a.api("audit", "POST", f"/api/v1{streaming}/pause", a.seen())),
        (1, lambda: a.api("audit", "POST", f"/api/v1{streaming}/resume", a.seen())),
        (1, lambda: a.api("audit", "DELETE", f"/api/v1{streaming}?{urlencode(a.seen())}")),
        (2, lambda: a.api("audit", "GET", f"/api/v1/audit/stream?{pull()}")),
    )


def _staff_access(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    """The staff-access log. Commands alone make grants: here there are ids of nobody's, and of something else in another workspace."""
    staff = "/audit/staff-access"

    def grant() -> str:
        return a.known.some(a.rng, (), a.known.foreign.runs)

    return (
        (1, lambda: a.page("audit", f"{staff}?before={quote(grant())}")),
        (1, lambda: a.page("audit", f"{staff}/{grant()}")),
        (1, lambda: a.form("audit", f"{staff}/{grant()}/end", {})),
        (1, lambda: a.api("audit", "GET", f"/api/v1{staff}?size={a.rng.choice([1, 50, 0])}")),
        (1, lambda: a.api("audit", "GET", f"/api/v1{staff}/{grant()}/statements")),
    )


def _vault(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    service, page, api = "credential-vault", "/settings/integrations", "/api/v1/integrations"
    providers = ["gong", "gong", "hubspot", "slack", "siem", WORD]

    def seen() -> dict[str, str]:
        return {"version": a.rng.choice(["0", "0", "1", "2", "x"])}

    return (
        (1, lambda: a.page(service, f"{page}/siem")),
        (1, lambda: a.form(service, f"{page}/siem", seen())),
        (1, lambda: a.api(service, "GET", f"{api}/siem")),
        (1, lambda: a.api(service, "POST", f"{api}/siem", seen())),
        (4, lambda: a.page(service, page)),
        (1, lambda: a.form(service, f"{page}/gong", a.key())),
        (1, lambda: a.form(service, f"{page}/{a.rng.choice(providers)}/disconnect", {})),
        (4, lambda: a.api(service, "GET", api)),
        (2, lambda: a.api(service, "POST", f"{api}/gong", a.key())),
        (1, lambda: a.api(service, "DELETE", f"{api}/{a.rng.choice(providers)}")),
        (1, lambda: a.form(service, f"/oauth/{a.rng.choice(providers)}/connect", {})),
        (1, lambda: a.page(service, f"/oauth/{a.rng.choice(providers)}/callback?code=c&state={new_id(a.rng)}")),
        (1, lambda: a.open(service, "/events/credential-vault.workspaces", "POST")),
    )


def _ingest(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    """What admins change. Clerk knows nothing of this organisation: what reaches it is refused, the same in each world."""
    service, rng = "ingest", a.rng

    def user() -> str:
        return rng.choice([f"user_m{rng.randrange(8)}", "user_nobody", MALFORMED[0]])

    def role() -> str:
        return rng.choice(["member", "admin", WORD])

    def settings() -> dict[str, str]:
        masks = rng.choice(["true", "false", WORD])
        zone = rng.choice(["UTC", "Asia/Tokyo", WORD])
        return {"timezone": zone, "version": str(rng.randrange(1, 4)), "mask_personal_data": masks}

    def chosen() -> dict[str, object]:
        masks = {"mask_personal_data": rng.random() < 0.5}
        return {
            "timezone": rng.choice(["UTC", "Asia/Tokyo", WORD]),
            "preferences": masks,
            "version": rng.randrange(1, 6),
        }

    def name() -> dict[str, str]:
        return {"name": f"{WORD} {rng.randrange(3)}", "previous_name": f"{WORD} {rng.randrange(3)}"}

    email, pages, api = f"somebody@{WORD}.example", "/settings", "/api/v1"
    return (
        (1, lambda: a.form(service, f"{pages}/workspace/name", name())),
        (1, lambda: a.form(service, f"{pages}/workspace/settings", settings())),
        (1, lambda: a.form(service, f"{pages}/members/invite", {"email": email, "role": role()})),
        (1, lambda: a.form(service, f"{pages}/members/invitations/{rng.choice(['inv_1', 'inv_2'])}/revoke", {})),
        (1, lambda: a.form(service, f"{pages}/members/{user()}/role", {"role": role()})),
        (1, lambda: a.form(service, f"{pages}/members/{user()}/remove", {"confirmed": "true"})),
        (1, lambda: a.page(service, f"{pages}/members?after={quote(user())}")),
        (1, lambda: a.api(service, "GET", f"{api}/workspace")),
        (1, lambda: a.api(service, "PUT", f"{api}/workspace/name", name())),
        (1, lambda: a.api(service, "PUT", f"{api}/workspace/settings", chosen())),
        (1, lambda: a.api(service, "GET", f"{api}/invitations")),
        (1, lambda: a.api(service, "POST", f"{api}/invitations", {"email": email, "role": role()})),
        (1, lambda: a.api(service, "DELETE", f"{api}/invitations/{rng.choice(['inv_1', 'inv_2'])}")),
        (1, lambda: a.api(service, "PUT", f"{api}/members/{user()}/role", {"role": role()})),
        (1, lambda: a.api(service, "DELETE", f"{api}/members/{user()}")),
    )


def _keys(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    """API keys, which admins make and take back."""
    service, rng = "ingest", a.rng

    def made() -> dict[str, object]:
        return {
            "name": f"{WORD} {rng.randrange(3)}",
            "scopes": rng.choice([["runs:read"], ["audit:read", "runs:write"], [WORD], []]),
            "request_id": rng.choice([None, a.request_id()]),
        }

    def form() -> dict[str, str]:
        return {
            "name": WORD,
            "scope": "runs:read",
            "days": rng.choice(["30", "never", WORD]),
            "request_id": a.request_id(),
        }

    def key() -> str:
        return a.known.some(rng, a.known.keys, a.known.foreign.runs)

    pages, api = "/settings", "/api/v1"
    return (
        (1, lambda: a.page(service, f"{pages}/api-keys?before={quote(key())}")),
        (1, lambda: a.form(service, f"{pages}/api-keys", form())),
        (1, lambda: a.form(service, f"{pages}/api-keys/{key()}/revoke", {})),
        (1, lambda: a.api(service, "GET", f"{api}/api-keys")),
        (1, lambda: a.api(service, "POST", f"{api}/api-keys", made())),
        (1, lambda: a.api(service, "GET", f"{api}/api-keys/{key()}")),
        (1, lambda: a.api(service, "DELETE", f"{api}/api-keys/{key()}")),
    )


def _others(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    def anywhere() -> str:
        return a.rng.choice(["ingest", "analysis", "credential-vault", "audit", "retention"])

    def asset() -> Ask:
        service = anywhere()
        return a.open(service, f"/assets/{service}/{a.rng.choice(['htmx-2.min.js', 'callmine.css', 'none.css'])}")

    return (
        (3, lambda: a.page("ingest", "/settings/members")),
        (3, lambda: a.page("ingest", "/settings/workspace")),
        (4, lambda: a.api("ingest", "GET", "/api/v1/members")),
        (2, lambda: stripe_hook(a)),
        # Unsigned, so there is no more to them than a refusal: once, in the tour.
        (0, lambda: a.open("ingest", "/webhooks/hubspot", "POST")),
        (0, lambda: a.open("ingest", "/webhooks/slack", "POST")),
        (0, lambda: a.open("ingest", "/webhooks/gong/none", "POST")),
        *_ingest(a),
        *_keys(a),
        (6, lambda: hook(a)),
        (3, lambda: a.page("retention", "/settings/billing")),
        *_payments(a),
        *erasure(a),
        (2, lambda: a.page("analysis", "/usage")),
        (1, lambda: a.page("analysis", "/usage/part")),
        (2, lambda: a.api("analysis", "GET", "/api/v1/usage")),
        (4, lambda: a.api("retention", "GET", "/api/v1/plan")),
        (1, lambda: a.open("retention", "/sub-processors")),
        (1, lambda: a.page("retention", "/sub-processors/notices")),
        (1, lambda: a.api("analysis", "GET", "/api/v1/delivery/notices")),
        # The same for everybody: once, in the tour.
        (0, lambda: a.open("retention", "/sub-processors/feed.atom")),
        (0, lambda: a.page("retention", "/sub-processors/shown.svg")),
        (0, lambda: a.open("retention", "/trust")),
        (0, lambda: a.open("retention", "/trust/keys")),
        (0, lambda: a.open("retention", "/trust/evidence.intoto.jsonl")),
        (1, lambda: a.open("retention", "/events/retention.workspaces", "POST")),
        (1, lambda: a.open("retention", "/events/retention.billing", "POST")),
        (2, lambda: a.open(anywhere(), a.rng.choice(["/livez", "/healthz", "/readyz"]))),
        (1, lambda: a.open("retention", "/events/retention.erasure-receipts", "POST")),
        (1, lambda: a.open("retention", "/events/retention.report-erasure-receipts", "POST")),
        (1, asset),
        (1, lambda: a.page(anywhere(), a.rng.choice(["/nothing", "/operator/parked", "/api/v1/workspaces"]))),
        (1, lambda: a.api(anywhere(), a.rng.choice(["PUT", "PATCH", "OPTIONS", "HEAD"]), "/dashboard")),
    )


def _payments(a: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    """What leads to Stripe. The secret with its key is not there, so that nothing is asked of it."""
    page, api, rng = "/settings/billing", "/api/v1/billing", a.rng

    def form(**more: str) -> dict[str, str]:
        return {"request_id": rng.choice([a.request_id(), WORD]), **more}

    def plan() -> str:
        return rng.choice(["growth", "scale", "free", WORD])

    return (
        (1, lambda: a.form("retention", f"{page}/checkout", form(plan=plan()))),
        (1, lambda: a.form("retention", f"{page}/addon", form(packs=rng.choice(["1", "0", WORD])))),
        (1, lambda: a.form("retention", f"{page}/change", form(plan=plan()))),
        (1, lambda: a.form("retention", f"{page}/portal", form())),
        (1, lambda: a.form("retention", f"{page}/keep", form())),
        (1, lambda: a.page("retention", f"{page}/return?session_id={rng.choice(['cs_1', WORD, ''])}")),
        (1, lambda: a.api("retention", "GET", api)),
        (1, lambda: a.api("retention", "POST", f"{api}/checkout", {"plan": plan()})),
        (1, lambda: a.api("retention", "POST", f"{api}/addons", {"packs": rng.choice([1, 0, WORD])})),
        (1, lambda: a.api("retention", "POST", f"{api}/portal", {"plan": rng.choice(["", plan()])})),
        (1, lambda: a.api("retention", "POST", f"{api}/keep")),
    )


def hook(a: Asker) -> Hook:
    """A webhook of Clerk: an organisation or a membership; new, old, repeated, unsigned or unreadable."""
    rng, number = a.rng, a.rng.randrange(1, 40)
    at = 1_767_225_600_000 + rng.randrange(0, 50) * 1000
    organisation = {"id": ORG, "name": f"{WORD} {rng.randrange(3)}", "slug": "house", "updated_at": at}
    kind = rng.choice(["organization.updated", "organizationMembership.created", "organizationMembership.updated"])
    kind = rng.choice([kind] * 8 + ["organizationMembership.deleted", "user.created"])
    data: dict[str, object] = dict(organisation)
    if kind.startswith("organizationMembership"):
        user = f"user_m{rng.randrange(8)}"
        who = {"user_id": user, "identifier": f"{user}@{rng.choice(['people', WORD])}.example"}
        role = rng.choice(["org:member", "org:admin"])
        data = {"role": role, "organization": organisation, "public_user_data": who, "updated_at": at}
    if rng.random() < 0.2:
        kind = rng.choice(["organizationInvitation.created", "organizationInvitation.revoked"])
        invited = {
            "id": rng.choice(["inv_1", "inv_2"]),
            "email_address": f"somebody@{WORD}.example",
            "role": "org:member",
        }
        data = {**invited, "organization_id": ORG, "created_at": at, "updated_at": at}
    if rng.random() < 0.1:
        data.pop(rng.choice(sorted(data)))
    message_id = f"msg_{number}" if rng.random() < 0.2 else f"msg_{new_id(rng)}"
    secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" if rng.random() < 0.08 else Hook("", "", {}).secret
    return Hook(message_id, kind, data, secret)


def stripe_hook(a: Asker) -> StripeHook:
    """A webhook of Stripe: of a customer that is ours by name or from before, or of nobody."""
    number = a.rng.randrange(1, 6)
    about: dict[str, object] = {"id": f"sub_{number}", "customer": f"cus_{ORG}_{number}", "status": "active"}
    if a.rng.random() < 0.5:
        about["metadata"] = {"workspace_id": ORG}
    event_id = f"evt_{number}" if a.rng.random() < 0.2 else f"evt_{new_id(a.rng)}"
    return StripeHook(event_id, a.rng.choice(["customer.subscription.updated", "customer.updated"]), about)


def request(rng: Random, known: Known) -> Operation:
    """Any request, the frequent ones more often."""
    found = choices(Asker(rng, known))
    [chosen] = rng.choices([make for _, make in found], [weight for weight, _ in found])
    return chosen()


def choices(asker: Asker) -> Sequence[tuple[int, Callable[[], Operation]]]:
    """All that can be drawn, with how often."""
    return [
        *_analysis(asker),
        *_schedules(asker),
        *_delivery(asker),
        *_audit(asker),
        *_streaming(asker),
        *_staff_access(asker),
        *_vault(asker),
        *_others(asker),
    ]
