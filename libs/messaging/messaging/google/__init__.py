"""Google Pub/Sub: the only place that imports its client. The same code talks to Google, to its emulator and to the embedded broker.

The client is loaded by who names `GooglePublisher`, `PullSubscriber` or `ensure` here, and by the late ones with their first use.
"""

from typing import TYPE_CHECKING

from messaging.google.channel import open_channel
from messaging.google.late import LatePublisher, LateSubscriber
from messaging.google.pulling import PullSettings

if TYPE_CHECKING:
    from messaging.google.admin import ensure
    from messaging.google.publisher import GooglePublisher
    from messaging.google.subscriber import PullSubscriber
else:
    from importlib import import_module

    _PLACES = {"ensure": "admin", "GooglePublisher": "publisher", "PullSubscriber": "subscriber"}

    def __getattr__(name: str) -> object:
        """What takes Google's client to load."""
        if name not in _PLACES:
            raise AttributeError(name)
        return getattr(import_module(f"messaging.google.{_PLACES[name]}"), name)


__all__ = [
    "GooglePublisher",
    "LatePublisher",
    "LateSubscriber",
    "PullSettings",
    "PullSubscriber",
    "ensure",
    "open_channel",
]
