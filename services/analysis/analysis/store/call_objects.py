"""Calls, and samples of them, in object storage, as ingest put them there."""

from __future__ import annotations

import json

from analysis.domain.sample import SampledCall, StoredSample, UnreadableSample, parse_sample
from analysis.domain.transcript import UnreadableCall
from analysis.store.runs import StoredCall
from cloud.objects import ObjectStore
from core.ids import WorkspaceId


async def read_call(objects: ObjectStore, workspace_id: WorkspaceId, stored: StoredCall) -> object:
    """The JSON of a stored call, its SHA-256 checked. Raises NotFound, UnreadableCall, Permanent, Transient."""
    body = await objects.workspace(workspace_id).get(stored.object_name, stored.sha256)
    try:
        document: object = json.loads(body)
    except ValueError as error:
        raise UnreadableCall("the stored call is not JSON") from error
    return document


async def read_sample(objects: ObjectStore, workspace_id: WorkspaceId, stored: StoredSample) -> tuple[SampledCall, ...]:
    """The calls of a stored sample, its SHA-256 checked. Raises NotFound, UnreadableSample, Permanent, Transient."""
    body = await objects.workspace(workspace_id).get(stored.object_name, stored.sha256)
    try:
        document: object = json.loads(body)
    except ValueError as error:
        raise UnreadableSample("the stored sample is not JSON") from error
    return parse_sample(document)
