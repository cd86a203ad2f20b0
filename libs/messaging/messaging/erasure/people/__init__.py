"""Erasing one person's data from one service: the orders of retention, what every service has of a person, and the worker that answers.

    parts.erase_people(part)            # in a service that retention asks: `part` is what is the service's own
    await people.erase_at_once(workspace_id, order)   # for who asks for erasures itself, and is told nothing

Not for: who the person is, and which calls they took part in; that is ingest's. When it is erased is retention's.
"""

from messaging.erasure.people.eraser import Count, PersonEraser
from messaging.erasure.people.following import follow_people
from messaging.erasure.people.worker import PersonErasing, PersonPart, PlainPersonPart

__all__ = ["Count", "PersonEraser", "PersonErasing", "PersonPart", "PlainPersonPart", "follow_people"]
