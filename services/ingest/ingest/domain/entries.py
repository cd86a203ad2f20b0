"""What people type into the forms, checked: a name, an address, a timezone."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from core.errors import InvalidInput

LONGEST_NAME = 256  # Clerk's limit
LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets

_EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]+\.[^\s@,;<>\".]+")

TIMEZONES = tuple(sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")))
"""What is offered: places. Any other IANA name is taken as well."""


def valid_name(text: str) -> str:
    """A name as Clerk takes it, with single spaces. Raises InvalidInput."""
    name = " ".join(text.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"A name has 1 to {LONGEST_NAME} printable characters.")
    return name


def valid_email(text: str) -> str:
    """An address that could be one; whether it is, its mail server knows. Raises InvalidInput."""
    email = text.strip()
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email) or not email.isprintable():
        raise InvalidInput("This is not an e-mail address: write it as name@company.com.")
    return email


def valid_timezone(text: str) -> str:
    """The IANA name of a timezone. Raises InvalidInput."""
    zone = text.strip()
    if zone not in available_timezones():
        raise InvalidInput("This is not a timezone: choose one from the list, such as Europe/Berlin.")
    return zone
