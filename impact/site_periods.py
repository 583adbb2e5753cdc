"""The file of site periods: when each site went live, what was embedding, how ready and how faithful it was.

The application exports it, and plans read it. YAML:

    schema: 1
    study: family-safeguarding-trial
    sites:
      - code: WAL
        name: Walsall
        live: {planned: 2020-06-01, actual: 2021-09-01, analysis: 2021-09-01}
        readiness: low                                     # or high; left out where nobody judged it
        embedding: {from: 2021-06-01, until: 2021-09-01}   # children who enter in these days are left out
        scores:
          - {phase: 12m, fidelity: 3.5, embeddedness: 62}  # on the study's own scales

`until` is the first day that is no longer in the window.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

import pydantic

from impact import documents
from impact.documents import Part

__all__ = ["Embedding", "Live", "Score", "Site", "SitePeriods", "read"]


class Live(Part):
    """Operationally Live dates. `analysis` is the one that estimates use; where it is left out, actual, then planned."""

    planned: dt.date | None = None
    actual: dt.date | None = None
    analysis: dt.date | None = None

    @property
    def used(self) -> dt.date | None:
        """The date for estimates, or None for a site that never goes live (a comparison site)."""
        return self.analysis or self.actual or self.planned


class Embedding(Part):
    """Days in which the programme was being brought in: from the first, until before the second."""

    from_: dt.date = pydantic.Field(alias="from")
    until: dt.date

    @pydantic.model_validator(mode="after")
    def _forwards(self) -> Embedding:
        if self.until <= self.from_:
            raise ValueError("“until” has to come after “from”")
        return self


class Score(Part):
    """What the implementation evaluation found in one phase."""

    phase: str
    fidelity: float | None = None
    embeddedness: float | None = None


class Site(Part):
    """One local authority."""

    code: str = pydantic.Field(min_length=1)
    name: str = ""
    live: Live = Live()
    readiness: Literal["high", "low"] | None = None
    embedding: Embedding | None = None
    scores: tuple[Score, ...] = ()


class SitePeriods(Part):
    """The whole file. Codes are distinct."""

    schema_: Literal[1] = pydantic.Field(alias="schema")
    study: str
    sites: tuple[Site, ...] = pydantic.Field(min_length=1)

    @pydantic.field_validator("sites")
    @classmethod
    def _distinct(cls, sites: tuple[Site, ...]) -> tuple[Site, ...]:
        codes = [site.code for site in sites]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"stands twice: {', '.join(twice)}")
        return sites

    def site(self, code: str) -> Site:
        """The site of that code. Raises KeyError."""
        return {site.code: site for site in self.sites}[code]


def read(path: Path) -> SitePeriods:
    """Raises BadDocument that names file, line and key."""
    return documents.read(path, SitePeriods)
