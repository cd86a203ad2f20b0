"""HubSpot as a source of deals that a job can do without: whatever goes wrong there is remarked, and the calls stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import CallmineError
from core.log import logger
from ingest.domain.calls import Call
from ingest.domain.jobs import DealsRefused, GrantExpired
from ingest.hubspot.client import HubSpotRefused
from ingest.hubspot.lookup import DealLookup

log = logger("ingest.hubspot")


class HubSpotDeals:
    """Implements `domain.deals.DealSource`. Once HubSpot has failed it is not asked again in this job."""

    def __init__(self, lookup: DealLookup) -> None:
        self._lookup = lookup
        self._failure = ""

    async def complete(self, calls: Sequence[Call]) -> Sequence[Call]:
        """As the port says. Raises GrantExpired and DealsRefused: the job asks for another grant, or goes on without HubSpot."""
        if self._failure:
            return calls
        try:
            return await self._lookup.complete(calls)
        except GrantExpired:
            raise
        except CallmineError as error:
            words = f"HubSpot could not be asked: {str(error).rstrip('.')}."
            if isinstance(error, HubSpotRefused) and error.is_of_credential:
                raise DealsRefused(words, error.provider_status) from error
            log.warning("HubSpot is not asked any more by this job", cause=type(error).__name__)
            self._failure = words
            return calls
        except Exception as error:  # noqa: BLE001 - what nobody foresaw at HubSpot must not fail the run either
            log.error("HubSpot is not asked any more by this job, for a reason nobody foresaw", error=error)
            self._failure = "HubSpot could not be asked: something went wrong on our side."
            return calls

    def remarks(self) -> list[str]:
        """As the port says."""
        denied = [
            f"HubSpot did not let Callmine read {what}: reconnect it in Settings > Integrations."
            for what in self._lookup.denied
        ]
        return [*([self._failure] if self._failure else []), *denied]
