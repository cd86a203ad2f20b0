"""How services run, what they are told, how data is kept, and what is reached from outside."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from architecture.terraform.configuration import Configuration, console, read
from cloud.secrets import MOUNTED
from contracts.registry import REQUESTERS, SERVICES
from house.facts import FILE
from house.projects import ROOT, services
from local.front_door import INTERNAL
from local.stack.stack import FORGETS
from web import ServiceSettings
from web.server import GRACE_SECONDS, PLATFORM_SECONDS
from web.settings import PREFIX

FOLDER = FILE.parent

# Settings that production leaves at their defaults, by what they are for; all others without a default have to be told.
TOLD_BY_THE_IMAGE = {"host", "port"}
TOLD_TO_MIGRATIONS = {"owner_database_url"}


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return read()


def settings_of(service: str) -> type[ServiceSettings]:
    found: type[ServiceSettings] = importlib.import_module(f"{services()[service].package}.settings").Settings
    return found


def told(configuration: Configuration, service: str) -> set[str]:
    """The settings that a service is told, by field."""
    known = configuration.locals
    names = {*known["shared_environment"], *known["own_environment"][service]}
    names |= set(re.findall(rf"{PREFIX}\w+", str(known["database_environment"]) + str(known["environment"])))
    return {name.removeprefix(PREFIX).lower() for name in names if name.startswith(PREFIX)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_all_it_needs_and_nothing_it_does_not_know(
    configuration: Configuration, service: str
) -> None:
    fields = settings_of(service).model_fields
    needed = {name for name, field in fields.items() if field.is_required()} - TOLD_BY_THE_IMAGE
    assert needed - told(configuration, service) == set()
    assert told(configuration, service) - set(fields) == set()
    # What pushes, and what operators do, is refused without these.
    assert {"push_audience", "push_service_account", "operator_service_account"} <= told(configuration, service)


def test_a_setting_that_is_missing_or_misspelt_is_found() -> None:
    without = read(change=lambda text: text.replace("CALLMINE_BUCKET ", "CALLMINE_BUCKETS "))
    assert "bucket" not in told(without, "audit")
    assert "buckets" in told(without, "audit") - set(settings_of("audit").model_fields)


def test_freed_memory_is_overwritten_where_credentials_are_granted() -> None:
    facts = json.loads(FILE.read_text())
    assert facts["forgets"] == FORGETS
    assert {name for name, one in facts["services"].items() if one["granted"]} == set(REQUESTERS)


def test_the_trust_page_finds_its_evidence(configuration: Configuration) -> None:
    (service,) = configuration.of("google_cloud_run_v2_service")
    template = service.body["template"][0]
    volume, mount = template["dynamic"][0]["volumes"], template["containers"][0]["dynamic"][0]["volume_mounts"]
    assert volume["for_each"] == mount["for_each"] == 'each.key == "retention" ? ["evidence"] : []'
    (held,) = volume["content"][0]["gcs"]
    assert held == {"bucket": "google_storage_bucket.evidence.name", "read_only": True}
    assert mount["content"][0]["mount_path"] == "local.evidence_folder"
    told = configuration.locals["own_environment"]["retention"]
    assert told["CALLMINE_EVIDENCE_FILE"].startswith("${local.evidence_folder}/")
    assert "var.evidence_public_keys" in told["CALLMINE_EVIDENCE_KEYS"]


def test_what_a_service_begins_with_is_mounted_where_it_looks(configuration: Configuration) -> None:
    (service,) = configuration.of("google_cloud_run_v2_service")
    template = service.body["template"][0]
    volume, mount = template["dynamic"][1]["volumes"], template["containers"][0]["dynamic"][1]["volume_mounts"]
    assert volume["for_each"] == mount["for_each"] == "toset(local.mounted[each.key])"
    (held,) = volume["content"][0]["secret"]
    assert held["secret"] == "google_secret_manager_secret.secret[volumes.value].secret_id"
    assert held["items"] == [{"version": "latest", "path": MOUNTED}]
    assert mount["content"][0]["mount_path"] == "${local.secrets_folder}/${volume_mounts.value}"
    assert configuration.locals["shared_environment"]["CALLMINE_SECRETS_FOLDER"] == "local.secrets_folder"
    # Cloud Run looks at the rights when the service is deployed.
    assert service.body["depends_on"] == ["google_secret_manager_secret_iam_member.reader"]
    facts = json.loads(FILE.read_text())
    readers = {(one["secret"], one["service"]) for one in facts["secret_readers"].values()}
    assert {(secret, name) for name, secrets in facts["mounted"].items() for secret in secrets} <= readers


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_the_secret_of_a_provider_that_is_not_offered_is_not_mounted(tmp_path: Path) -> None:
    found = re.search(r"^  mounted = \{.*?^  \}$", (FOLDER / "run.tf").read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    shutil.copy(FILE, tmp_path)
    ids = 'variable "client_ids" {\n  default = { gong = "", hubspot = "1", slack = "2" }\n}\n'
    facts = '  facts = jsondecode(file("${path.module}/facts.json"))\n'
    (tmp_path / "main.tf").write_text(f"{ids}locals {{\n{facts}{found[0]}\n}}\n")
    mounted = console(tmp_path, "jsonencode(local.mounted)")
    told = json.loads(FILE.read_text())["mounted"]
    assert mounted == told | {
        "credential-vault": [one for one in told["credential-vault"] if one != "gong-oauth-client"]
    }
    assert "gong-oauth-client" in told["credential-vault"]


def test_no_bucket_can_be_made_public(configuration: Configuration) -> None:
    buckets = configuration.of("google_storage_bucket")
    assert {one.name for one in buckets} == {"objects", "ledger", "evidence"}
    for bucket in buckets:
        assert bucket.body["public_access_prevention"] == "enforced"
        assert bucket.body["uniform_bucket_level_access"] is True
        assert bucket.body["encryption"][0]["default_kms_key_name"].startswith("google_kms_crypto_key.data")


def test_services_take_requests_from_the_load_balancer_and_this_project_only(configuration: Configuration) -> None:
    (service,) = configuration.of("google_cloud_run_v2_service")
    assert service.body["ingress"] == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    template = service.body["template"][0]
    (container,) = template["containers"]
    assert container["resources"][0]["cpu_idle"] is False
    probes = {name: container[name][0]["http_get"][0]["path"] for name in ("startup_probe", "liveness_probe")}
    assert probes == {"startup_probe": "/readyz", "liveness_probe": "/livez"}
    assert container["ports"][0]["container_port"] == 8080
    # Whoever is cut off at the platform's time has not given back what it held.
    assert GRACE_SECONDS <= PLATFORM_SECONDS - 2


def test_everything_runs_as_its_own_account_from_an_image_by_digest(configuration: Configuration) -> None:
    runs = [
        *configuration.of("google_cloud_run_v2_service"),
        *configuration.of("google_cloud_run_v2_worker_pool"),
        *configuration.of("google_cloud_run_v2_job"),
    ]
    assert len(runs) == 4
    for run in runs:
        template: dict[str, Any] = run.body["template"][0]
        template = template.get("template", [template])[0]
        own = "migrate" if run.name == "migrate" else "service"
        assert template["service_account"] == f"google_service_account.{own}[each.key].email"
        assert template["containers"][0]["image"] == "var.images[each.key]"
        assert template["vpc_access"][0]["egress"] == "PRIVATE_RANGES_ONLY"
    assert "@sha256:" in configuration.variables["images"]["validation"][0]["condition"]


def test_nothing_else_has_an_address_of_its_own(configuration: Configuration) -> None:
    """What could be reached from outside, by type: one load balancer with its two addresses."""
    rules = configuration.of("google_compute_global_forwarding_rule")
    assert [(rule.name, rule.body["port_range"], rule.body["target"]) for rule in rules] == [
        ("front_door", "443", "google_compute_target_https_proxy.front_door.id")
    ]
    public = ("google_compute_forwarding_rule", "google_compute_instance", "google_compute_router_nat", "google_dns")
    assert [one.type for one in configuration.resources if one.type.startswith(public)] == []
    addresses = configuration.of("google_compute_global_address")
    assert {one.name: one.body.get("address_type", "EXTERNAL") for one in addresses} == {
        "databases": "INTERNAL",
        "front_door": "EXTERNAL",
    }


def test_the_front_door_speaks_tls_and_keeps_internal_paths_in(configuration: Configuration) -> None:
    policy = configuration.one("google_compute_ssl_policy", "front_door")
    assert (policy["min_tls_version"], policy["profile"]) == ("TLS_1_2", "RESTRICTED")
    backend = configuration.one("google_compute_backend_service", "service")
    assert backend["security_policy"] == "google_compute_security_policy.front_door.id"
    rules = configuration.one("google_compute_security_policy", "front_door")["rule"]
    (closed,) = [rule for rule in rules if rule["action"] == "deny(404)"]
    assert closed["priority"] == min(rule["priority"] for rule in rules)
    expression = closed["match"][0]["expr"][0]["expression"]
    assert 'join("|", local.facts.internal_paths)' in expression
    pattern = expression.split("'")[1].replace('${join("|", local.facts.internal_paths)}', "|".join(INTERNAL))
    for path in INTERNAL:
        assert re.search(pattern, path)
        assert re.search(pattern, f"{path}/x")
    assert not re.search(pattern, "/event-report")
    assert json.loads(FILE.read_text())["internal_paths"] == list(INTERNAL)


def test_paths_come_from_the_one_map(configuration: Configuration) -> None:
    assert configuration.locals["routes"] == 'yamldecode(file("${path.module}/../routes.yaml"))'
    paths = " ".join(str(configuration.locals["paths"]).split())
    assert 'for prefix, service in local.routes.prefixes : [prefix, "${prefix}/*"] if service == name' in paths
    routes = yaml.safe_load((ROOT / "deploy/routes.yaml").read_text())
    assert {routes["default"], *routes["prefixes"].values()} <= set(SERVICES)
    (matcher,) = configuration.one("google_compute_url_map", "front_door")["path_matcher"]
    assert matcher["default_service"].startswith("google_compute_backend_service.service[local.routes.default]")


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed on this machine")
def test_terraform_makes_of_that_map_what_the_local_front_door_does(tmp_path: Path) -> None:
    (block,) = re.findall(r"^locals \{\n.*?^\}", (FOLDER / "front_door.tf").read_text(), re.MULTILINE | re.DOTALL)
    module = tmp_path / "deploy/terraform"
    module.mkdir(parents=True)
    shutil.copy(FILE, module)
    shutil.copy(ROOT / "deploy/routes.yaml", tmp_path / "deploy")
    facts_of = 'locals {\n  services = jsondecode(file("${path.module}/facts.json")).services\n}\n'
    (module / "main.tf").write_text(facts_of + block)
    paths = console(module, "jsonencode(local.paths)")
    routes = yaml.safe_load((ROOT / "deploy/routes.yaml").read_text())
    found = {path: service for service, listed in paths.items() for path in listed}
    assert found == {path: who for prefix, who in routes["prefixes"].items() for path in (prefix, f"{prefix}/*")}


def test_every_service_is_ticked_with_a_token_that_it_takes(configuration: Configuration) -> None:
    (target,) = configuration.one("google_cloud_scheduler_job", "drain")["http_target"]
    assert target["uri"] == "${local.urls[each.key]}/operator/drain"
    assert target["oidc_token"][0] == {
        "service_account_email": "google_service_account.operator.email",
        "audience": "local.urls[each.key]",
    }
    environment = " ".join(str(configuration.locals["environment"]).split())
    assert "CALLMINE_PUSH_AUDIENCE = local.urls[name]" in environment
    shared = configuration.locals["shared_environment"]
    assert shared["CALLMINE_OPERATOR_SERVICE_ACCOUNT"] == "google_service_account.operator.email"
    assert shared["CALLMINE_PUSH_SERVICE_ACCOUNT"] == "google_service_account.push.email"


def test_the_vault_is_told_of_each_backup_before_it_is_taken(configuration: Configuration) -> None:
    job = configuration.one("google_cloud_scheduler_job", "backup_taken")
    assert '["keys", "backup-taken"]' in job["http_target"][0]["body"]
    minute, hour = (int(part) for part in job["schedule"].split()[:2])
    (settings,) = configuration.one("google_sql_database_instance", "callmine")["settings"]
    assert f"{hour:02}:{minute:02}" < settings["backup_configuration"][0]["start_time"]


def test_subscriptions_are_as_the_topology_says(configuration: Configuration) -> None:
    body = configuration.one("google_pubsub_subscription", "subscription")
    dynamic = {name: block for entry in body["dynamic"] for name, block in entry.items()}
    told = {
        "ack_deadline_seconds": body["ack_deadline_seconds"],
        "ordering": body["enable_message_ordering"],
        "retention": body["message_retention_duration"],
        "min_backoff": body["retry_policy"][0]["minimum_backoff"],
        "max_backoff": body["retry_policy"][0]["maximum_backoff"],
        "max_attempts": dynamic["dead_letter_policy"]["content"][0]["max_delivery_attempts"],
    }
    assert told == {name: f"each.value.{name}" for name in told}
    push = dynamic["push_config"]["content"][0]
    assert push["push_endpoint"] == "${push_config.value}/events/${each.key}"
    assert push["oidc_token"][0]["audience"] == "push_config.value"
    assert dynamic["push_config"]["for_each"] == "each.value.push ? [local.urls[each.value.service]] : []"
    assert body["expiration_policy"][0]["ttl"] == ""


def test_data_is_kept_with_our_keys_and_out_of_the_open(configuration: Configuration) -> None:
    database = configuration.one("google_sql_database_instance", "callmine")
    (settings,) = database["settings"]
    (network,) = settings["ip_configuration"]
    assert (network["ipv4_enabled"], network["ssl_mode"]) == (False, "ENCRYPTED_ONLY")
    (backup,) = settings["backup_configuration"]
    assert backup["enabled"] is True
    assert backup["point_in_time_recovery_enabled"] is True
    assert backup["backup_retention_settings"][0]["retained_backups"] == "var.backup_days"
    assert "tostring(var.backup_days)" in str(configuration.locals["own_environment"]["credential-vault"])
    flags = {flag["name"]: flag["value"] for flag in settings["database_flags"]}
    assert flags["cloudsql.iam_authentication"] == "on"
    assert int(flags["deadlock_timeout"]) > 3_000, (
        "a migration's lock_timeout ends first (tests/architecture/test_locks.py)"
    )
    assert flags["log_parameter_max_length"] == flags["log_parameter_max_length_on_error"] == "0"

    bucket = configuration.one("google_storage_bucket", "objects")
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["versioning"][0]["enabled"] is True
    assert bucket["soft_delete_policy"][0]["retention_duration_seconds"] == 0
    keys = {
        "databases": database["encryption_key_name"],
        "objects": bucket["encryption"][0]["default_kms_key_name"],
        "messages": configuration.one("google_pubsub_topic", "topic")["kms_key_name"],
    }
    assert keys == {name: f'google_kms_crypto_key.data["{name}"].id' for name in keys}


def test_no_secret_stands_in_terraform(configuration: Configuration) -> None:
    contents = ("google_secret_manager_secret_version", "google_service_account_key", "random_password")
    assert [one.type for one in configuration.resources if one.type in contents] == []
    assert {one.body.get("type") for one in configuration.of("google_sql_user")} == {"CLOUD_IAM_SERVICE_ACCOUNT"}


def test_google_writes_down_who_read_what(configuration: Configuration) -> None:
    (audit,) = configuration.of("google_project_iam_audit_config")
    assert audit.body["service"] == "allServices"
    assert "ADMIN_READ" in str(audit.body)
    assert "DATA_READ" in str(audit.body)
    assert "DATA_WRITE" in str(audit.body)


def test_every_variable_is_described_and_the_examples_give_each_that_is_needed(configuration: Configuration) -> None:
    assert [name for name, body in configuration.variables.items() if len(body.get("description", "")) < 10] == []
    needed = {name for name, body in configuration.variables.items() if "default" not in body}
    for example in ("dev", "prod"):
        given = set(re.findall(r"^(\w+) +=", (FOLDER / f"examples/{example}.tfvars").read_text(), re.MULTILINE))
        assert needed <= given <= configuration.variables.keys()
