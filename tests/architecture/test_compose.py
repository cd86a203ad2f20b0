"""docker-compose.yml is well-formed, closed to the outside but for the front door, and says the same as the local stack."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from contracts.registry import REQUESTERS, SERVICES
from house.image import bases
from house.projects import ROOT
from local.stack.ports import PREFERRED
from local.stack.stack import FORGETS

TEXT = (ROOT / "docker-compose.yml").read_text()
FRONT_DOOR = f"127.0.0.1:{PREFERRED['front-door']}:{PREFERRED['front-door']}"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """With its anchors and merges resolved, as Compose does."""
    found: dict[str, Any] = yaml.safe_load(TEXT)
    return found


def test_it_runs_the_five_services_and_what_they_need(compose: dict[str, Any]) -> None:
    assert compose["services"].keys() == {*SERVICES, "postgres", "pubsub", "stand-ins"}


def test_nothing_but_the_front_door_is_reached_from_outside(compose: dict[str, Any]) -> None:
    ports = [port for one in compose["services"].values() for port in one.get("ports", [])]
    assert ports == [FRONT_DOOR]
    joined = [name for name, one in compose["services"].items() if one.get("network_mode") == "service:postgres"]
    assert {*joined, "postgres"} == compose["services"].keys()
    assert "listen_addresses=127.0.0.1" in compose["services"]["postgres"]["command"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_as_in_the_cloud(compose: dict[str, Any], service: str) -> None:
    one = compose["services"][service]
    build = one["build"]
    assert (build["dockerfile"], build["args"]["SERVICE"]) == ("deploy/Dockerfile", service)
    assert "target" not in build
    assert (one["read_only"], one["user"], one["cap_drop"]) == (True, "10001:10001", ["ALL"])
    assert one["tmpfs"] == ["/tmp"]  # noqa: S108 - the container's own
    assert one["volumes"] == ["state:/state:ro"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    # Cloud Run's own figure.
    assert one["stop_grace_period"] == "10s"
    assert one["command"] == ["service", "serve"]
    assert one["healthcheck"]["test"] == ["CMD", *one["entrypoint"], "healthy"]
    expected = {"SERVICE": service, **(FORGETS if service in REQUESTERS else {})}
    assert one["environment"] == expected


def test_images_of_others_are_named_by_digest(compose: dict[str, Any]) -> None:
    named = {one["image"] for one in compose["services"].values() if "image" in one}
    assert all(image.startswith("${") and ":?" in image for image in named)
    bases_used = {one["build"]["args"]["BASE"] for one in compose["services"].values() if "build" in one}
    assert all(base.startswith("${BASE:?") for base in bases_used)
    makefile = (ROOT / "Makefile").read_text()
    assert [use for use in bases() if f"house.image base {use})" not in makefile] == []
