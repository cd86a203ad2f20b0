"""The feed of sub-processors is Atom (RFC 4287) whose entries keep their ids."""

from __future__ import annotations

from datetime import date, datetime
from xml.etree import ElementTree as ET

from egress import REGISTER
from egress.register import Register, register_text
from retention.catalogue import sub_processors
from retention.domain.sub_processors import ATOM, SubProcessor, Why, feed

TODAY = date(2027, 3, 2)
PAGE = "https://app.callmine.example/sub-processors"
NEW = """  - {name: new, company: 'New & <Sons>', kind: sub-processor, purpose: something, data: [briefs], hosts: [api.new.example],
     listed_on: 2027-03-01, in_effect_from: 2027-03-31}
"""


def listed(register: Register = REGISTER) -> list[SubProcessor]:
    return [one for one in sub_processors(register, TODAY) if one.why is Why.SUB_PROCESSOR]


def parsed(some: list[SubProcessor]) -> ET.Element:
    return ET.fromstring(feed(some, PAGE, f"{PAGE}/feed.atom"))  # noqa: S314 - our own


def texts(root: ET.Element, path: str) -> list[str]:
    return [one.text or "" for one in root.findall(path, {"": ATOM})]


def test_feed_and_entries_have_what_atom_asks_for() -> None:
    root = parsed(listed())
    assert root.tag == f"{{{ATOM}}}feed"
    for element in (root, *root.findall("entry", {"": ATOM})):
        children = [one.tag.partition("}")[2] for one in element]
        assert [children.count(name) for name in ("id", "title", "updated")] == [1, 1, 1]
        assert "link" in children
        assert datetime.fromisoformat(texts(element, "updated")[0]).tzinfo is not None
    assert texts(root, "author/name") == ["Callmine"]
    assert {one.get("rel"): one.get("href") for one in root.findall("link", {"": ATOM})} == {
        "self": f"{PAGE}/feed.atom",
        "alternate": PAGE,
    }


def test_an_entry_keeps_its_id_when_others_come_and_the_newest_is_first() -> None:
    before, after = parsed(listed()), parsed(listed(Register.read(register_text() + NEW)))
    known = texts(before, "entry/id")
    assert len(set(known)) == len(known) == 5
    assert texts(after, "entry/id") == ["tag:callmine.ai,2026:sub-processors/new/2027-03-01", *known]
    assert texts(after, "updated")[0] == "2027-03-01T00:00:00Z"
    assert texts(after, "entry/title")[0] == "New & <Sons>, in effect from 2027-03-31"
    assert (texts(before, "updated"), texts(before, "entry/updated")[0]) == (
        ["2026-11-23T00:00:00Z"],
        "2026-11-23T00:00:00Z",
    )
