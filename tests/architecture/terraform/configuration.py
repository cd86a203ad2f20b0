"""deploy/terraform read into plain data, and every grant in it written out for each instance.

Expressions stay text. Those that say what a resource is repeated for (`for_each`) are few; each has its meaning in REPEATED, and where
terraform is installed its own console is asked whether that is what it means.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

from house.projects import ROOT

FOLDER = ROOT / "deploy/terraform"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One `resource` block."""

    type: str
    name: str
    body: Json


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role given to somebody on something; member and target are expressions without each.key and each.value."""

    role: str
    member: str
    target: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """All files of a folder together."""

    resources: tuple[Resource, ...]
    locals: Json
    variables: Json
    text: str

    def of(self, kind: str) -> list[Resource]:
        """The resources of one type."""
        return [one for one in self.resources if one.type == kind]

    def one(self, kind: str, name: str) -> Json:
        """The body of one resource."""
        (found,) = [one.body for one in self.of(kind) if one.name == name]
        return found


def read(folder: Path = FOLDER, change: Callable[[str], str] = lambda text: text) -> Configuration:
    """The configuration in `folder`; `change` is applied to each file's text first."""
    texts = [change(path.read_text()) for path in sorted(folder.glob("*.tf"))]
    blocks = [_parsed(text) for text in texts]
    resources = [
        Resource(kind, name, body)
        for block in blocks
        for entry in block.get("resource", [])
        for kind, named in entry.items()
        for name, body in named.items()
    ]
    told = {name: value for block in blocks for entry in block.get("locals", []) for name, value in entry.items()}
    variables = {name: body for block in blocks for entry in block.get("variable", []) for name, body in entry.items()}
    return Configuration(tuple(resources), told, variables, "\n".join(texts))


@cache
def _parsed(text: str) -> Json:
    """A file's content; parsing takes longer than all the rest, and most texts come again."""
    found: Json = plain(hcl2.loads(text))
    return found


def console(folder: Path, expression: str) -> Any:
    """What terraform itself makes of an expression that gives JSON, with the files of `folder`, which need no provider."""
    done = subprocess.run(
        ["terraform", "console"], input=expression, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(json.loads(done.stdout.splitlines()[-1]))


def plain(value: Any) -> Any:
    """Without the parser's own marks: quotes around strings, `${}` around expressions, names that begin with two underscores."""
    if isinstance(value, dict):
        return {plain(name): plain(item) for name, item in value.items() if not str(name).startswith("__")}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        if len(value) > 1 and value[0] == value[-1] == '"':
            return value[1:-1]
        return value[2:-1] if value.startswith("${") and value.endswith("}") else value
    return value


def _services(facts: Json) -> Json:
    return dict(facts["services"])


# What each `for_each` in use comes to: keys with their values. A new one is added here.
REPEATED: Mapping[str, Callable[[Json], Json]] = {
    "local.services": _services,
    "local.facts.publishers": lambda facts: dict(facts["publishers"]),
    "local.facts.subscriptions": lambda facts: dict(facts["subscriptions"]),
    "local.facts.secret_readers": lambda facts: dict(facts["secret_readers"]),
    "local.facts.secret_adders": lambda facts: dict(facts["secret_adders"]),
    "toset(local.facts.topics)": lambda facts: {name: name for name in facts["topics"]},
    "{for name, one in local.facts.subscriptions : name => one if !one.push}": lambda facts: {
        name: one for name, one in facts["subscriptions"].items() if not one["push"]
    },
    '{for name, one in local.facts.subscriptions : name => one if one.dead_letter_topic != ""}': lambda facts: {
        name: one for name, one in facts["subscriptions"].items() if one["dead_letter_topic"]
    },
    'toset([for one in local.facts.subscriptions : one.dead_letter_topic if one.dead_letter_topic != ""])': lambda facts: {
        one["dead_letter_topic"]: one["dead_letter_topic"]
        for one in facts["subscriptions"].values()
        if one["dead_letter_topic"]
    },
    "{for name, service in local.services : name => service if service.objects}": lambda facts: {
        name: one for name, one in facts["services"].items() if one["objects"]
    },
    'toset(concat(local.facts.secrets, [for name, _ in local.services : "${name}-owner-database-url"]))': lambda facts: {
        name: name for name in [*facts["secrets"], *(f"{service}-owner-database-url" for service in facts["services"])]
    },
}

# A resource that is repeated for each instance of another one.
_FOLLOWS = re.compile(r"google_\w+\.\w+")

# Which argument of a grant says what it is on.
_TARGETS = ("topic", "subscription", "secret_id", "bucket", "crypto_key_id", "service_account_id", "project", "name")


def instances(configuration: Configuration, body: Json, facts: Json) -> Json:
    """The keys and values that a resource is repeated for; one empty key where it is not.

    Raises KeyError for a `for_each` that is not known here.
    """
    expression = body.get("for_each")
    if expression is None:
        return {"": None}
    if _FOLLOWS.fullmatch(expression):
        kind, name = expression.split(".")
        return dict.fromkeys(instances(configuration, configuration.one(kind, name), facts), expression)
    return REPEATED[" ".join(str(expression).split())](facts)


def grants(configuration: Configuration, facts: Json) -> Iterator[Grant]:
    """Every grant, for every instance."""
    for resource in configuration.resources:
        if resource.type.endswith("_iam_member"):
            body = resource.body
            target = next(body[name] for name in _TARGETS if name in body)
            for key, value in instances(configuration, body, facts).items():
                yield Grant(body["role"], _told(body["member"], key, value), _told(target, key, value))


def _told(expression: str, key: str, value: Any) -> str:
    """The expression with its `each` filled in."""
    if isinstance(value, dict):
        for name, part in value.items():
            expression = expression.replace(f"each.value.{name}", f'"{part}"')
    elif isinstance(value, str) and _FOLLOWS.fullmatch(value):
        # The name or id of that instance.
        expression = re.sub(r"each\.value\.(\w+)", rf'{value}["{key}"].\1', expression)
    elif isinstance(value, str):
        expression = expression.replace("each.value", f'"{value}"')
    return expression.replace("each.key", f'"{key}"').replace('"${"', '"').replace('"}', "")
