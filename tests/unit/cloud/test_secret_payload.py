"""A secret that was damaged on its way is not used."""

from __future__ import annotations

import google_crc32c
import pytest
from google.cloud.secretmanager_v1 import SecretPayload

from cloud.secret_manager import _checked
from core.errors import Transient

VALUE = b"whsec_1"


def test_a_whole_payload_passes() -> None:
    assert _checked("hook", SecretPayload(data=VALUE, data_crc32c=google_crc32c.value(VALUE))) == VALUE


@pytest.mark.parametrize(
    "payload",
    [
        SecretPayload(data=VALUE, data_crc32c=google_crc32c.value(b"whsec_2")),
        SecretPayload(data=VALUE, data_crc32c=0),
        SecretPayload(data=VALUE),
    ],
)
def test_a_damaged_or_unchecked_one_does_not(payload: SecretPayload) -> None:
    with pytest.raises(Transient, match="CRC32C") as caught:
        _checked("hook", payload)
    assert "whsec" not in str(caught.value)
