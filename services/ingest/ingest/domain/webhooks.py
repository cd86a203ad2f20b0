"""Whose webhooks there are, and what becomes of one."""

from __future__ import annotations

import enum
from datetime import datetime

from msgspec import Struct

# How long it is remembered that a webhook was heard: longer than any sender can send one again. Svix, which sends Clerk's, repeats it for
# 28 hours by itself and keeps it for 90 days, in which somebody may have it sent anew (docs.svix.com/retries, docs.svix.com/retention);
# Stripe repeats for 3 days (docs.stripe.com/webhooks), the others for less. Only a sender can: the signature has to be five minutes old at
# most. One that comes later all the same is a reason to look at the provider once more.
KEPT_DAYS = 100


class Sender(enum.StrEnum):
    """Who sends webhooks."""

    CLERK = "clerk"
    STRIPE = "stripe"
    GONG = "gong"
    HUBSPOT = "hubspot"
    SLACK = "slack"


def secret_name(sender: Sender) -> str:
    """The secret that holds what `sender` signs with. Gong's rules have public keys instead."""
    return f"{sender.value}-webhook-secret"


class Outcome(enum.StrEnum):
    """What became of a webhook that was truly its sender's. All are answered with 200: sending it again would change nothing."""

    TAKEN = "taken"
    KNOWN = "known"
    # A type that means nothing here, a test, or a question that was answered.
    IGNORED = "ignored"
    # Of an account or a customer that no workspace has, or of which it cannot be told whose it is.
    NO_WORKSPACE = "no_workspace"


class Reason(enum.StrEnum):
    """Why a webhook was refused."""

    NO_SIGNATURE = "no_signature"
    MALFORMED_SIGNATURE = "malformed_signature"
    WRONG_SIGNATURE = "wrong_signature"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    WRONG_URL = "wrong_url"
    WRONG_BODY = "wrong_body"
    UNKNOWN_ADDRESS = "unknown_address"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    # No secret to check it with: an operator has to set the sender up.
    NOT_SET_UP = "not_set_up"


class Revocation(Struct, frozen=True):
    """A provider says that one of its accounts took Callmine's access away. Never believed: the vault asks the provider."""

    provider: Sender
    account_id: str
    message_id: str
    type: str
    occurred_at: datetime


class NoticedCall(Struct, frozen=True):
    """Gong says that there is a call. `started_at` is None where it does not say when it began."""

    call_id: str
    started_at: datetime | None
