"""What a workspace's admins have chosen, as far as it concerns analysis. The defaults hold while nothing has been told."""

from __future__ import annotations

from msgspec import Struct


class Preferences(Struct, frozen=True):
    """The choices, each at its default.

    `mask_personal_data`: e-mail addresses, phone and card numbers do not go to a model. `other_provider_fallback`: a call that the chosen
    model's provider cannot analyse, since it is away, may go to a model of the other one that the plan has.
    """

    mask_personal_data: bool = True
    other_provider_fallback: bool = False
