"""Runbooks fit a screen, their commands exist, and the names in them are those of Terraform."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from architecture.runbooks.commands import FOLDER, Command, app_of, commands, commands_in
from architecture.terraform.configuration import read
from contracts.registry import SERVICES
from house.facts import facts
from testkit.commands import run

ALL = commands()
FACTS = facts()
SECRETS = set(FACTS["secrets"])

# How a command of the cloud names something, and what there is by that kind of name.
NAMES: list[tuple[str, set[str]]] = [
    (r"gcloud run jobs execute (\S+)", {f"{service}-{job}" for service in SERVICES for job in ("operate", "migrate")}),
    (r"gcloud run services update-traffic (\S+)", set(SERVICES)),
    (r"gcloud run revisions list --service=(\S+)", set(SERVICES)),
    (r"gcloud scheduler jobs run (\S+)", {f"drain-{service}" for service in SERVICES}),
    (r"gcloud pubsub subscriptions describe (\S+)", set(FACTS["subscriptions"])),
    (r"gcloud secrets add-iam-policy-binding (\S+)", SECRETS),
    (r"gcloud secrets versions (?:list|add) (\S+)", SECRETS),
    (r"gcloud kms keys (?:add|remove)-iam-policy-binding (\S+) --keyring=callmine", {"vault-keyset"}),
    (r"gcloud sql instances clone (\S+)", {"callmine"}),
    (r"gcloud compute security-policies rules update \d+ --security-policy=(\S+)", {"front-door"}),
    (r"gcloud logging read 'resource\.labels\.service_name=\"([\w-]+)\"", set(SERVICES)),
    (r"gcloud logging read .* --bucket=(\S+)", {"audit"}),
    (r"TOKEN=\$\(gcloud auth print-identity-token --impersonate-service-account=(\w+)@", {"operator"}),
    (r"terraform -chdir=(\S+) apply", {"deploy/terraform"}),
]


def named(line: str) -> str:
    """What is wrong with a command of the cloud; empty when nothing is."""
    for pattern, known in NAMES:
        found = re.match(pattern, line)
        if found:
            return "" if found[1] in known else f"{found[1]} is none of {sorted(known)}"
    return "nobody has said what it names: add it to NAMES"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_is_one_screen(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 80
    if path.stem != "README":
        assert "**Done when**" in text


def test_every_runbook_says_what_is_run() -> None:
    pages = {path.stem for path in FOLDER.glob("*.md")}
    assert {one.runbook for one in ALL if one.line.startswith("callmine")} == pages - {"README"}


@pytest.mark.parametrize(
    "line", sorted({one.line for one in ALL if one.line.startswith("callmine")}), ids=lambda line: line
)
async def test_a_command_is_known_to_the_command_line(line: str) -> None:
    command = Command("", "parse", line)
    done = await run(app_of(command.service), *command.arguments, "--help")
    assert done.exit_code == 0, done.output


async def test_a_command_that_is_not_known_is_found() -> None:
    for line in ("callmine vault keys roll", "callmine ingest parked list --everything"):
        command = Command("", "parse", line)
        assert (await run(app_of(command.service), *command.arguments, "--help")).exit_code != 0


def test_names_in_the_cloud_are_those_of_terraform() -> None:
    cloud = [one.line for one in ALL if one.kind == "cloud"]
    assert cloud
    assert {line: named(line) for line in cloud if named(line)} == {}


def test_a_name_that_is_not_there_is_found() -> None:
    assert "is none of" in named("gcloud run jobs execute ingest-operation --region=REGION")
    assert "NAMES" in named("gcloud compute instances list")


def test_those_names_stand_in_terraform() -> None:
    configuration = read()
    told = {
        "google_sql_database_instance.callmine": "callmine",
        "google_kms_key_ring.callmine": "callmine",
        "google_kms_crypto_key.keyset": "vault-keyset",
        "google_compute_security_policy.front_door": "front-door",
        "google_cloud_run_v2_job.operate": "${each.key}-operate",
        "google_cloud_run_v2_job.migrate": "${each.key}-migrate",
        "google_cloud_scheduler_job.drain": "drain-${each.key}",
    }
    for place, name in told.items():
        assert configuration.one(*place.split("."))["name"] == name
    assert configuration.one("google_logging_project_bucket_config", "audit")["bucket_id"] == "audit"
    assert configuration.one("google_service_account", "operator")["account_id"] == "operator"
    rules = configuration.one("google_compute_security_policy", "front_door")["rule"]
    touched = {int(number) for one in ALL for number in re.findall(r"security-policies rules update (\d+)", one.line)}
    assert touched
    assert touched <= {rule["priority"] for rule in rules if rule["action"] != "deny(404)"}


def test_a_block_says_what_is_done_with_it() -> None:
    assert commands_in("  ```sh run\n  callmine audit migrate\n  ```\n", "x")[0].arguments == ["migrate"]
    with pytest.raises(ValueError, match="a block is one of"):
        commands_in("```sh\nrm -rf /\n```\n", "x")
