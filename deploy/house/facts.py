"""What Terraform has to know of the code, as one file that it reads: deploy/terraform/facts.json.

    python -m house.facts            write it
    python -m house.facts --check    fail where it is not what the code gives

Who publishes what comes from the registry of contracts, who listens how from deploy/topology.yaml by way of the same types that the
services use, who reads which secret from the local stack, which services hold objects from their imports. Terraform derives nothing of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from contracts.registry import REQUESTERS, SERVICES, TOPICS
from house.imports import imports_of
from house.projects import ROOT, Project, services
from local.front_door import INTERNAL
from local.stack.environment import BEGUN_WITH, SECRET_ADDERS, SECRET_READERS
from local.stack.stack import FORGETS
from messaging.topology import Subscription, Topology, dead_letter_topic

FILE = ROOT / "deploy/terraform/facts.json"

# In the cloud the operators rotate the vault's keyset; the vault itself gets no right to change what it reads (docs/vault.md).
BY_OPERATORS = frozenset({"vault-keyset"})

Json = dict[str, Any]


def facts() -> Json:
    """Everything that Terraform reads, as it is in the code right now."""
    topology = Topology.load(ROOT / "deploy/topology.yaml")
    return {
        "services": {name: _service(topology, services()[name]) for name in SERVICES},
        "push_account": topology.push_account,
        "topics": sorted([*TOPICS, *(dead_letter_topic(name) for name in SERVICES)]),
        "publishers": {
            f"{topic.name}/{service}": {"topic": topic.name, "service": service}
            for topic in TOPICS.values()
            for service in topic.publishers
        },
        "subscriptions": {one.name: _subscription(one) for one in topology.subscriptions},
        "secrets": sorted(SECRET_READERS),
        "secret_readers": _pairs(SECRET_READERS),
        "mounted": {name: _mounted(name) for name in SERVICES},
        "secret_adders": _pairs({name: who for name, who in SECRET_ADDERS.items() if name not in BY_OPERATORS}),
        "forgets": FORGETS,
        "internal_paths": list(INTERNAL),
    }


def _mounted(service: str) -> list[str]:
    return sorted(name for name in BEGUN_WITH if service in SECRET_READERS[name])


def _service(topology: Topology, project: Project) -> Json:
    return {
        "account": topology.services[project.name],
        "database": project.package,
        "pulls": bool(topology.of(project.name, "pull")),
        "objects": _imports(project, "cloud.objects"),
        "granted": project.name in REQUESTERS,
    }


def _imports(project: Project, module: str) -> bool:
    return any(
        one.imported == module or one.imported.startswith(f"{module}.")
        for path in project.sources
        for one in imports_of(path.stem, path.read_text(), package=path.name == "__init__.py")
    )


def _subscription(one: Subscription) -> Json:
    return {
        "topic": one.topic,
        "service": one.service,
        "push": one.mode == "push",
        "ack_deadline_seconds": one.ack_deadline,
        "ordering": one.ordering,
        "min_backoff": f"{one.min_backoff}s",
        "max_backoff": f"{one.max_backoff}s",
        "dead_letter_topic": one.dead_letter_topic,
        "max_attempts": one.max_attempts,
        "retention": f"{one.retention_days * 86_400}s",
    }


def _pairs(who: Mapping[str, Iterable[str]]) -> Json:
    return {
        f"{secret}/{service}": {"secret": secret, "service": service}
        for secret, found in sorted(who.items())
        for service in found
    }


def text() -> str:
    """The file's text."""
    return json.dumps(facts(), indent=2, sort_keys=True) + "\n"


def main() -> None:
    """The command line."""
    if "--check" not in sys.argv:
        FILE.write_text(text())
    elif FILE.read_text() != text():
        raise SystemExit(f"{FILE.relative_to(ROOT)} is not what the code gives: run `make facts` and commit it")


if __name__ == "__main__":
    main()
