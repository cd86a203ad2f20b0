"""The shape of HubSpot's association batches (CRM associations, version 4), which the specification beside the project leaves out.

As HubSpot's API reference describes it: developers.hubspot.com, "Retrieve associations", POST
/crm/v4/associations/{fromObjectType}/{toObjectType}/batch/read.
"""

from __future__ import annotations

from jsonschema import Draft202012Validator
from pydantic import JsonValue

_TEXT: JsonValue = {"type": "string"}
_NEXT: JsonValue = {"type": "object", "properties": {"after": _TEXT, "link": _TEXT}, "required": ["after"]}
_KIND: JsonValue = {
    "type": "object",
    "properties": {
        "category": {"enum": ["HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED"]},
        "typeId": {"type": "integer"},
        "label": {"type": ["string", "null"]},
    },
    "required": ["category", "typeId"],
}
_END: JsonValue = {
    "type": "object",
    "properties": {"toObjectId": _TEXT, "associationTypes": {"type": "array", "items": _KIND}},
    "required": ["toObjectId", "associationTypes"],
}
_RESULT: JsonValue = {
    "type": "object",
    "properties": {
        "from": {"type": "object", "properties": {"id": _TEXT}, "required": ["id"]},
        "to": {"type": "array", "items": _END},
        "paging": {"type": "object", "properties": {"next": _NEXT}},
    },
    "required": ["from", "to"],
}
_INPUT: JsonValue = {
    "type": "object",
    "properties": {"id": _TEXT, "after": _TEXT},
    "required": ["id"],
    "additionalProperties": False,
}

REQUEST: JsonValue = {
    "type": "object",
    "properties": {"inputs": {"type": "array", "items": _INPUT, "maxItems": 1_000}},
    "required": ["inputs"],
    "additionalProperties": False,
}
ANSWER: JsonValue = {
    "type": "object",
    "properties": {
        "status": {"enum": ["PENDING", "PROCESSING", "CANCELED", "COMPLETE"]},
        "startedAt": _TEXT,
        "completedAt": _TEXT,
        "results": {"type": "array", "items": _RESULT},
        "numErrors": {"type": "integer"},
        "errors": {"type": "array"},
    },
    "required": ["status", "startedAt", "completedAt", "results"],
}


def check(body: object, schema: JsonValue) -> None:
    """Fails, naming every fault, when the body does not have the shape."""
    faults = [
        f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in Draft202012Validator(schema).iter_errors(body)
    ]
    assert not faults, "\n".join(faults[:10])
