"""Five sets that must be one: what is published, allowed, named in the code, seen by the guard, and said in the data-flow register.

Each is read from its own source; `problems` says where two of them differ. `mutants` change one source at a time, and each must be noticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from html import unescape

import yaml

from egress.destination import covers
from egress.register import Register, register_text
from house.imports import imports_of, within
from house.projects import ROOT, libraries, services

# Clients of Google's that connect by themselves (deploy/house/connections.py): they go to Google Cloud.
_GOOGLES = ("google.cloud", "google.pubsub_v1", "gcloud.aio")

FLOWS = ROOT / "trust" / "data-flows.yaml"

# Import names of the services.
_SERVICES = {project.package: project.name for project in services().values()}

_ARTICLE = re.compile(r'data-recipient="([^"]*)" data-hosts="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Inputs:
    """The five sources: the page's HTML, the register's text, sources by module, the flows' text, and which service's guard let through
    which recipient."""

    page: str
    register: str
    sources: Mapping[str, str]
    seen: frozenset[tuple[str, str]]
    flows: str


@dataclass(frozen=True, slots=True)
class Flow:
    """One line of the data-flow register."""

    recipient: str
    module: str
    hosts: frozenset[str]
    data: frozenset[str]
    ahead: bool


def all_sources() -> dict[str, str]:
    """The text of each module of libraries and services, test kit and the guard itself left out."""
    found: dict[str, str] = {}
    for project in (*libraries().values(), *services().values()):
        if project.name not in {"testkit", "egress"}:
            for path in project.sources:
                parts = path.relative_to(project.folder).with_suffix("").parts
                found[".".join(parts).removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


def inputs(page: str, seen: frozenset[tuple[str, str]]) -> Inputs:
    """The sources as they are in the tree, with the page and the guard's own report of a running system."""
    return Inputs(page, register_text(), all_sources(), seen, FLOWS.read_text(encoding="utf-8"))


def published(page: str) -> dict[str, frozenset[str]]:
    """The hosts that the page tells, by recipient."""
    return {unescape(name): frozenset(unescape(hosts).split()) for name, hosts in _ARTICLE.findall(page)}


def flows_of(text: str) -> list[Flow]:
    """The data-flow register."""
    return [
        Flow(one["recipient"], one["module"], frozenset(one["hosts"]), frozenset(one["data"]), one.get("ahead", False))
        for one in yaml.safe_load(text)
    ]


@dataclass(frozen=True, slots=True)
class Code:
    """What the sources name: modules with a destination or a client of Google's, and hosts, with the module that names each."""

    call_sites: frozenset[str]
    hosts: frozenset[tuple[str, str]]


def code_of(sources: Mapping[str, str]) -> Code:
    """Read all sources."""
    read = {module: _facts(module, text) for module, text in sources.items()}
    sites = frozenset(module for module, (is_site, _) in read.items() if is_site)
    return Code(sites, frozenset((module, host) for module, (_, hosts) in read.items() for host in hosts))


@lru_cache(maxsize=4096)
def _facts(module: str, text: str) -> tuple[bool, frozenset[str]]:
    """Whether a module sends to another company, and the hosts that it names. Remembered: a mutant changes one module of hundreds."""
    # Parsing all takes seconds; most modules name none of it.
    if not re.search(r"Destination\(|https://|google|gcloud", text):
        return False, frozenset()
    tree = ast.parse(text)
    sends = any(isinstance(node, ast.Call) and _called(node) == "Destination" for node in ast.walk(tree))
    sends = sends or any(within(one.imported, _GOOGLES) for one in imports_of(module, text, package=False))
    return sends, frozenset(_hosts(tree))


def _hosts(tree: ast.Module) -> Iterator[str]:
    """Hosts that settings have as a default address to send to, and those given to a destination. An issuer is a name, no address."""
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="HttpsUrl"), value=ast.Call() as call):
                if not name.endswith("_issuer"):
                    yield from _host_texts(call, r"https://([^/:]+)")
            case ast.Call() if _called(node) == "Destination":
                for keyword in node.keywords:
                    if keyword.arg in {"hosts", "base_url"}:
                        yield from _host_texts(keyword.value, r"(?:https://)?((?:\*\.)?[a-z0-9.-]+\.[a-z]+)")


def _host_texts(inside: ast.AST, pattern: str) -> Iterator[str]:
    for node in ast.walk(inside):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (found := re.match(pattern, node.value)):
            yield found[1]


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def problems(given: Inputs) -> list[str]:
    """Where the five differ; empty when they are one."""
    try:
        register = Register.read(given.register)
        flows = flows_of(given.flows)
    except (ValueError, KeyError, TypeError) as error:
        return [f"a register cannot be read: {error}"]
    code = code_of(given.sources)
    allowed = {one.name: frozenset(one.hosts) for one in register}
    ahead = {flow.recipient for flow in flows if flow.ahead}
    found = [
        *_differ("published", published(given.page), "allowed", allowed),
        *_differ("in the data-flow register", _joined(flows, "hosts"), "allowed", allowed),
        *_differ(
            "data in the data-flow register",
            _joined(flows, "data"),
            "data in the register",
            {one.name: frozenset(one.data) for one in register},
        ),
        *_sent(allowed.keys() - ahead, "the guard sees", frozenset(name for _, name in given.seen)),
        *_sent(allowed.keys() - ahead, "the code names", _recipients_of(code, flows, allowed)),
    ]
    return found + list(_of_code(code, flows, allowed)) + list(_of_services(given.seen, flows))


def _differ(
    one: str, these: Mapping[str, frozenset[str]], other: str, those: Mapping[str, frozenset[str]]
) -> list[str]:
    return [
        f"{name}: {one} {sorted(these.get(name, ()))}, {other} {sorted(those.get(name, ()))}"
        for name in sorted(these.keys() | those.keys())
        if these.get(name) != those.get(name)
    ]


def _joined(flows: list[Flow], field: str) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for flow in flows:
        values: frozenset[str] = flow.hosts if field == "hosts" else flow.data
        found[flow.recipient] = found.get(flow.recipient, frozenset()) | values
    return found


def _sent(expected: set[str], who: str, found: frozenset[str]) -> list[str]:
    return [f"{name}: {who} it, and it is not listed" for name in sorted(found - expected)] + [
        f"{name}: listed, and {who} it nowhere" for name in sorted(expected - found)
    ]


def _recipients_of(code: Code, flows: list[Flow], allowed: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Who the code sends to: by the hosts that it names, and by its call sites where the host is configuration."""
    by_host = {name for _, host in code.hosts for name, hosts in allowed.items() if _within(host, hosts)}
    by_site = {flow.recipient for flow in flows if any(within(site, [flow.module]) for site in code.call_sites)}
    return frozenset(by_host | by_site)


def _of_code(code: Code, flows: list[Flow], allowed: Mapping[str, frozenset[str]]) -> Iterator[str]:
    every = frozenset(host for hosts in allowed.values() for host in hosts)
    for module, host in sorted(code.hosts):
        if not _within(host, every):
            yield f"{module}: names {host}, which is no host of anybody who is listed"
    modules = [flow.module for flow in flows if not flow.ahead]
    for site in sorted(code.call_sites):
        if not within(site, modules):
            yield f"{site}: sends to another company, and the data-flow register does not say what"
    for module in sorted(set(modules)):
        if not any(within(site, [module]) for site in code.call_sites):
            yield f"{module}: is in the data-flow register and sends nothing"


def _of_services(seen: frozenset[tuple[str, str]], flows: list[Flow]) -> Iterator[str]:
    """Each service's guard beside the flows from that service; those of libraries are any service's."""
    own = {
        (_SERVICES[package], flow.recipient) for flow in flows if (package := flow.module.split(".")[0]) in _SERVICES
    }
    shared = {flow.recipient for flow in flows if flow.module.split(".")[0] not in _SERVICES and not flow.ahead}
    for service, name in sorted(own - seen):
        yield f"{service}: the data-flow register says that it sends to {name}, and its guard never let it"
    for service, name in sorted(seen - own):
        if name not in shared:
            yield f"{service}: its guard lets it send to {name}, and the data-flow register does not say what"


def _within(host: str, hosts: frozenset[str]) -> bool:
    return any(covers(allowed, host) for allowed in hosts)


# --- mutants: each changes one source, and nothing else -------------------------------------------------------------------


def mutants(given: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Every mutant, by what it changes."""
    yield from _of_register(given)
    yield from _of_page(given)
    yield from _of_sources(given)
    yield from _of_seen(given)
    yield from _of_flows(given)


def _of_register(given: Inputs) -> Iterator[tuple[str, Inputs]]:
    content = yaml.safe_load(given.register)

    def written(recipients: list[dict[str, object]]) -> Inputs:
        return replace(given, register=yaml.safe_dump({**content, "recipients": recipients}, sort_keys=False))

    entries = content["recipients"]
    for place, entry in enumerate(entries):
        others = entries[:place], entries[place + 1 :]
        name = entry["name"]
        yield f"{name} is taken off the register", written([*others[0], *others[1]])
        more = {**entry, "hosts": [*entry["hosts"], "api.new.example"]}
        yield f"{name} is given a host", written([*others[0], more, *others[1]])
        for host in entry["hosts"]:
            less = {**entry, "hosts": [one for one in entry["hosts"] if one != host] or ["other.example.com"]}
            yield f"{name} loses the host {host}", written([*others[0], less, *others[1]])
        for data in content["data_classes"]:
            changed = [one for one in entry["data"] if one != data] if data in entry["data"] else [*entry["data"], data]
            if changed:
                yield f"{name} gets other data: {data}", written([*others[0], {**entry, "data": changed}, *others[1]])
    newest = {**entries[-1], "name": "new", "company": "New", "hosts": ["api.new.example"]}
    yield "somebody is added to the register", written([*entries, newest])


def _of_page(given: Inputs) -> Iterator[tuple[str, Inputs]]:
    for name, hosts in sorted(published(given.page).items()):
        article = f'data-recipient="{name}" data-hosts="'
        yield f"the page leaves {name} out", replace(given, page=given.page.replace(article, "", 1))
        for host in sorted(hosts):
            told = f'{article}{host} other.example.com"' if len(hosts) == 1 else f'{article}{host}"'
            page = re.sub(re.escape(article) + r'[^"]*"', told, given.page, count=1)
            yield f"the page tells other hosts of {name} than {host} and its own", replace(given, page=page)
    more = '<article data-recipient="new" data-hosts="api.new.example">'
    yield "the page tells of somebody new", replace(given, page=given.page + more)


def _of_sources(given: Inputs) -> Iterator[tuple[str, Inputs]]:
    code = code_of(given.sources)
    for service in ("analysis", "audit", "credential_vault", "ingest", "retention"):
        for text in (
            'PLACE = Destination(name="mailgun", base_url="https://api.mailgun.net")',
            "from google.cloud import bigquery",
        ):
            yield f"{service}: {text}", replace(given, sources={**given.sources, f"{service}.telling": text})
        wanted = 'class S:\n    mail_url: HttpsUrl = Field(default="https://api.mailgun.net")\n'
        yield f"{service}: a setting for mail", replace(given, sources={**given.sources, f"{service}.telling": wanted})
    flows = [flow for flow in flows_of(given.flows) if not flow.ahead]
    for module in sorted({flow.module for flow in flows}):
        left = {
            name: text
            for name, text in given.sources.items()
            if not (name in code.call_sites and within(name, [module]))
        }
        yield f"{module} sends nothing any more", replace(given, sources=left)
    for module, host in sorted(code.hosts):
        changed = given.sources[module].replace(host.removeprefix("*."), "elsewhere.example.com")
        yield f"{module}: {host} is another host", replace(given, sources={**given.sources, module: changed})


def _of_seen(given: Inputs) -> Iterator[tuple[str, Inputs]]:
    for name in sorted({name for _, name in given.seen}):
        left = frozenset(pair for pair in given.seen if pair[1] != name)
        yield f"no guard sees {name}", replace(given, seen=left)
    for flow in flows_of(given.flows):
        if service := _SERVICES.get(flow.module.split(".")[0]):
            pair = (service, flow.recipient)
            yield f"the guard of {service} does not see {flow.recipient}", replace(given, seen=given.seen - {pair})
    for pair in (("analysis", "mailgun"), ("audit", "openai"), ("ingest", "stripe"), ("ingest", "slack")):
        yield f"the guard of {pair[0]} sees {pair[1]}", replace(given, seen=given.seen | {pair})


def _of_flows(given: Inputs) -> Iterator[tuple[str, Inputs]]:
    flows = yaml.safe_load(given.flows)

    def written(entries: list[dict[str, object]]) -> Inputs:
        return replace(given, flows=yaml.safe_dump(entries, sort_keys=False))

    for place, flow in enumerate(flows):
        before, after = flows[:place], flows[place + 1 :]
        name = f"the flow from {flow['module']} to {flow['recipient']}"
        for field, other in (
            ("recipient", "new"),
            ("module", "analysis.telling"),
            ("hosts", ["other.example.com"]),
            ("data", ["passwords"]),
        ):
            # Somebody who is listed ahead of any code has no module.
            if not (flow.get("ahead") and field == "module"):
                yield f"{name}: another {field}", written([*before, {**flow, field: other}, *after])
        # Google's are four flows, which cover each other's hosts; what one of them alone says is its module.
        yield f"{name} is left out", written([*before, *after])
