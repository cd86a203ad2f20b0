"""Who processes customer data for Callmine, and how customers are told. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from xml.etree import ElementTree as ET

from msgspec import Struct

ATOM = "http://www.w3.org/2005/Atom"

# What ids of the feed begin with (RFC 4151): they stay the same whatever the pages' address is. `2026` is when the name was ours.
_TAG = "tag:callmine.ai,2026:sub-processors"


class Why(enum.StrEnum):
    """Why data goes to a company."""

    SUB_PROCESSOR = "sub-processor"
    INTEGRATION = "integration"


class SubProcessor(Struct, frozen=True, kw_only=True):
    """A company that gets customer data: one that we chose, or one where the customer's own account is.

    `data` is in words; `in_effect` says whether data may go there today.
    """

    name: str
    company: str
    why: Why
    purpose: str
    data: tuple[str, ...]
    hosts: tuple[str, ...]
    listed_on: date
    in_effect_from: date
    in_effect: bool
    founding: bool = False


class Told(Struct, frozen=True):
    """A person was shown the notice of a sub-processor, for the first time at `shown_at`."""

    recipient: str
    listed_on: date
    user_id: str
    shown_at: datetime


def feed(listed: Sequence[SubProcessor], page: str, self_address: str) -> bytes:
    """The listings as an Atom feed (RFC 4287), the newest first. An entry's id never changes, so that readers show it once."""
    ET.register_namespace("", ATOM)
    root = _element(None, "feed")
    newest = max((one.listed_on for one in listed), default=date.min)
    _element(root, "id", _TAG)
    _element(root, "title", "Callmine: sub-processors")
    _element(root, "subtitle", "Each new one is listed here at least 30 days before any data goes to it.")
    _element(root, "updated", _moment(newest))
    _element(root, "link", rel="self", type="application/atom+xml", href=self_address)
    _element(root, "link", rel="alternate", type="text/html", href=page)
    _element(_element(root, "author"), "name", "Callmine")
    for one in sorted(listed, key=lambda each: (each.listed_on, each.name), reverse=True):
        _entry(root, one, page)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _entry(root: ET.Element, one: SubProcessor, page: str) -> None:
    entry = _element(root, "entry")
    _element(entry, "id", f"{_TAG}/{one.name}/{one.listed_on.isoformat()}")
    when = "since the beginning" if one.founding else f"from {one.in_effect_from.isoformat()}"
    _element(entry, "title", f"{one.company}, in effect {when}")
    _element(entry, "published", _moment(one.listed_on))
    _element(entry, "updated", _moment(one.listed_on))
    _element(entry, "link", rel="alternate", type="text/html", href=f"{page}#{one.name}")
    text = f"{one.company}: {one.purpose}. Data: {'; '.join(one.data)}. In effect {when}."
    _element(entry, "content", text, type="text")


def _element(parent: ET.Element | None, name: str, text: str = "", **attributes: str) -> ET.Element:
    tag = f"{{{ATOM}}}{name}"
    made = ET.Element(tag, attributes) if parent is None else ET.SubElement(parent, tag, attributes)
    made.text = text or None
    return made


def _moment(day: date) -> str:
    return datetime.combine(day, time(), UTC).isoformat().replace("+00:00", "Z")
