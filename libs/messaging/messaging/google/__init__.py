"""Google Pub/Sub: the only place that imports its client. The same code talks to Google, to its emulator and to the embedded broker."""

from messaging.google.admin import ensure
from messaging.google.channel import open_channel
from messaging.google.publisher import GooglePublisher
from messaging.google.subscriber import PullSettings, PullSubscriber

__all__ = ["GooglePublisher", "PullSettings", "PullSubscriber", "ensure", "open_channel"]
