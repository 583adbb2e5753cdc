"""Analysis plans: the pre-registered analysis as a YAML file that is validated, hashed and carried out as written.

`docs/impact/plans.md` describes every key. The hash covers everything but `registration` and `deviations`, so that a plan
which was changed after its registration says so in every bundle.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import pydantic

from impact import documents
from impact.documents import Part

__all__ = [
    "AnalysisPlan",
    "Covariate",
    "Matching",
    "Multiplicity",
    "OutcomePlan",
    "Plan",
    "Tables",
    "Trial",
    "read",
]

Coding = Literal[
    "looked_after",
    "started_plan",
    "returned",
    "plan_duration",
    "days_on_plans",
    "care_proceedings",
    "re_referred",
    "kinship_first",
    "reunified",
    "absence",
]
Model = Literal[
    "wedge_logit",
    "wedge_linear",
    "permutation",
    "did",
    "did_logit",
    "fgls",
    "bacon",
    "callaway_santanna",
    "sun_abraham",
    "hurdle",
    "tobit",
]
Role = Literal["primary", "secondary", "sensitivity", "exploratory"]
Name = pydantic.constr(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")


class Reading(Part):
    """A point on which the protocol is silent or contradicts itself, and what was taken."""

    point: str
    taken: str
    because: str = ""


class Deviation(Part):
    """A change after registration."""

    what: str
    why: str
    on: dt.date


class Registration(Part):
    """Where and when the plan was registered, and the hash that `impact check` printed then."""

    where: str
    on: dt.date
    sha256: str = pydantic.Field(pattern=r"^[0-9a-f]{64}$")


class Trial(Part):
    """The trial period, half-open, cut into periods of so many months; `data_until` is the last day the data cover."""

    opens_on: dt.date
    closes_on: dt.date
    data_until: dt.date
    period_months: int = pydantic.Field(default=6, ge=1, le=24)

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Trial:
        if not self.opens_on < self.closes_on <= self.data_until:
            raise ValueError("“opens_on”, “closes_on” and “data_until” have to follow one another")
        return self


class Tables(Part):
    """File names, below the folder of the data, of the tables of events. Only what the outcomes need has to be there."""

    children: str
    referrals: str
    assessments: str | None = None
    plans: str | None = None
    care: str | None = None
    meetings: str | None = None
    proceedings: str | None = None
    sessions: str | None = None
    site_months: str | None = None

    @pydantic.field_validator("*")
    @classmethod
    def _beside(cls, name: str | None) -> str | None:
        if name is not None and (Path(name).name != name or not name.endswith((".parquet", ".csv"))):
            raise ValueError("has to be the name of a .parquet or .csv file, without folders")
        return name


class Covariate(Part):
    """A column of the children, of the first referral, or (`of: site`) of the newest site month before the referral."""

    name: str
    kind: Literal["number", "category"]
    of: Literal["child", "site"] = "child"


class Covariates(Part):
    """The covariates of every model, and what is done about missing values."""

    columns: tuple[Covariate, ...] = ()
    drop_above_share: float = pydantic.Field(default=0.30, ge=0, le=1)
    missing: Literal["indicator", "imputation"] = "indicator"
    imputations: int = pydantic.Field(default=20, ge=2, le=200)


class Matching(Part):
    """Comparison sites of each treated site, chosen by `impact match` and by eye, and how children are matched within them.

    `pairs` holds them by outcome, “all” for outcomes that are not named. Children are matched exactly on the coarsened
    `columns`, within a pair of sites and a period; `cutpoints` coarsen numbers, everything else is taken as it is.
    """

    pairs: dict[str, dict[str, tuple[str, ...]]]
    columns: tuple[str, ...] = pydantic.Field(min_length=1)
    cutpoints: dict[str, tuple[float, ...]] = pydantic.Field(default_factory=dict)

    def of(self, outcome: str) -> dict[str, tuple[str, ...]]:
        """Comparison sites by treated site for an outcome. Empty where the plan has none."""
        return self.pairs.get(outcome, self.pairs.get("all", {}))


class OutcomePlan(Part):
    """An outcome and how it is coded; see `impact.outcomes`. `oldest` is in completed years at the referral."""

    id: Name  # type: ignore[valid-type]  # pydantic's own way to name a pattern
    coding: Coding
    oldest: int = pydantic.Field(ge=0, le=25)
    months: int | None = pydantic.Field(default=None, ge=1, le=120)
    kinds: tuple[Literal["cpp", "cin"], ...] = ("cpp",)
    factors: tuple[str, ...] = ()
    leave_out_care: bool = False
    gap_days: int = pydantic.Field(default=1, ge=0, le=365)

    @property
    def is_binary(self) -> bool:
        """Whether its values are 0 and 1."""
        return self.coding not in {"plan_duration", "days_on_plans", "absence"}


class AnalysisPlan(Part):
    """A model for one or more outcomes."""

    id: Name  # type: ignore[valid-type]  # as above
    role: Role
    outcomes: tuple[str, ...] = pydantic.Field(min_length=1)
    model: Model
    effect: Literal["immediate", "by_time_since", "readiness", "leads_and_lags", "placebo", "dose"] = (
        "immediate"
    )
    treatment: Literal["at_referral", "half_open_time", "four_weeks"] = "at_referral"
    leave_out_embedding: bool = False
    leave_out_sites: tuple[str, ...] = ()
    covariates: bool = True
    matched: bool = False
    nodes: int = pydantic.Field(default=1, ge=1, le=50)


class Multiplicity(Part):
    """Hochberg's adjustment over the first result of these analyses."""

    method: Literal["hochberg"]
    analyses: tuple[str, ...] = pydantic.Field(min_length=2)


class Plan(Part):
    """The whole plan."""

    schema_: Literal[1] = pydantic.Field(alias="schema")
    study: str
    title: str
    protocol: str
    registration: Registration | None = None
    deviations: tuple[Deviation, ...] = ()
    readings: tuple[Reading, ...] = ()
    seed: int = pydantic.Field(ge=0)
    site_periods: str
    trial: Trial
    smallest_count: int = pydantic.Field(default=10, ge=10)
    tables: Tables
    covariates: Covariates = Covariates()
    matching: Matching | None = None
    outcomes: tuple[OutcomePlan, ...] = pydantic.Field(min_length=1)
    analyses: tuple[AnalysisPlan, ...] = pydantic.Field(min_length=1)
    multiplicity: Multiplicity | None = None

    @pydantic.model_validator(mode="after")
    def _joined_up(self) -> Plan:
        for what, ids in (("outcomes", self.outcomes), ("analyses", self.analyses)):
            names = [part.id for part in ids]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what}: “{twice[0]}” stands twice")
        outcomes, analyses = {o.id for o in self.outcomes}, {a.id for a in self.analyses}
        for analysis in self.analyses:
            if unknown := sorted(set(analysis.outcomes) - outcomes):
                raise ValueError(
                    f"analysis “{analysis.id}” names the outcome “{unknown[0]}”, which is not in the plan"
                )
            if analysis.matched and self.matching is None:
                raise ValueError(f"analysis “{analysis.id}” is matched, but the plan has no “matching”")
        adjusted = set(self.multiplicity.analyses) if self.multiplicity else set()
        if unknown := sorted(adjusted - analyses):
            raise ValueError(f"multiplicity names the analysis “{unknown[0]}”, which is not in the plan")
        if sum(a.role == "primary" for a in self.analyses) != 1:
            raise ValueError("exactly one analysis has the role “primary”")
        return self

    @property
    def sha256(self) -> str:
        """The hash of everything but registration and deviations."""
        plain: dict[str, Any] = self.model_dump(
            mode="json", by_alias=True, exclude={"registration", "deviations"}
        )
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def is_as_registered(self) -> bool | None:
        """Whether the plan is the registered one; None where nothing was registered."""
        return None if self.registration is None else self.registration.sha256 == self.sha256


def read(path: Path) -> Plan:
    """Raises BadDocument that names the file and each faulty line and key."""
    return documents.read(path, Plan)
