"""The rules of the log, without I/O: what an entry is, how it is found again, how it is put into words."""

from audit.domain.entry import Change, Entry, EntryType
from audit.domain.reading import Filters, Page, Position

__all__ = ["Change", "Entry", "EntryType", "Filters", "Page", "Position"]
