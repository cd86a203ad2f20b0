"""A login on Cloud SQL by way of another account."""

from __future__ import annotations

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials, with_scopes_if_required

from database.connect import acting_as

SWEEP = "audit-sweep@callmine-tests.iam.gserviceaccount.com"


def account_of(credentials: object) -> object:
    """Whose they are."""
    return getattr(credentials, "service_account_email", None)


def test_the_sweep_role_logs_in_as_its_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's metadata server, which knows who this process is, is not there: its answer is given."""
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call] # Google's
    monkeypatch.setattr(google.auth, "default", lambda scopes: (nobody, "callmine-tests"))
    acting = acting_as(SWEEP)
    assert account_of(acting) == SWEEP
    # What the connector does with it before a login: its scopes may be narrowed, and it stays that account.
    login = ["https://www.googleapis.com/auth/sqlservice.login"]
    assert account_of(with_scopes_if_required(acting, login)) == SWEEP  # type: ignore[no-untyped-call] # Google's
