"""Analysis plans: the pre-registered analysis as a YAML file that is validated, hashed and carried out as written.

`docs/impact/plans.md` describes every key. The hash covers everything but `registration` and `deviations`, so that a plan
which was changed after its registration says so in every bundle.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any, Literal, get_args

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
    "assessment_days",
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
    "random_effects",
    "hurdle",
    "tobit",
    "anova",
]
Effect = Literal[
    "immediate",
    "by_time_since",
    "readiness",
    "leads_and_lags",
    "placebo",
    "dose",
    "triple_difference",
    "common_shock",
    "against_comparators",
]
# What each model can be asked. A plan that asks for more is refused: a key that is not heeded would mislead.
EFFECTS: dict[str, frozenset[str]] = {
    "wedge_logit": frozenset({"immediate", "by_time_since", "readiness"}),
    "wedge_linear": frozenset({"immediate", "by_time_since", "readiness"}),
    "did": frozenset(get_args(Effect)) - {"readiness"},
}
TAKE_TREATMENT = {"wedge_logit", "wedge_linear", "did", "did_logit"}
TAKE_MATCHING = {"did", "did_logit", "fgls", "bacon", "callaway_santanna", "sun_abraham"}
TAKE_COVARIATES = {
    "wedge_logit",
    "wedge_linear",
    "did",
    "did_logit",
    "fgls",
    "random_effects",
    "hurdle",
    "tobit",
}
BY_SITE_MONTHS = {"triple_difference", "common_shock", "against_comparators"}
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
    """A column of the children, of the first referral, or (`of: site`) of the newest site month before the referral.

    `age` and `age_months` are worked out from the date of birth.
    """

    name: str
    kind: Literal["number", "category"]
    of: Literal["child", "referral", "site"] = "child"


class Covariates(Part):
    """The covariates of every model, and what is done about missing values."""

    columns: tuple[Covariate, ...] = ()
    drop_above_share: float = pydantic.Field(default=0.30, ge=0, le=1)
    missing: Literal["indicator", "imputation"] = "indicator"
    imputations: int = pydantic.Field(default=20, ge=2, le=200)


class Matching(Part):
    """Comparison sites of each treated site, chosen by `impact match` and by eye, and how children are matched within them.

    `pairs` holds them by outcome, “all” for outcomes that are not named. Children are matched exactly on the coarsened
    `columns` (of the children, or `age`), among those of a pair of sites and of one time, as `within` says: the period
    of the analysis, the financial year from April, or the time before or after the treated site of the pair went live.
    `cutpoints` coarsen numbers into intervals closed on the right; everything else is taken as it is, and what was not
    recorded is a category of its own.
    """

    pairs: dict[str, dict[str, tuple[str, ...]]]
    columns: tuple[str, ...] = pydantic.Field(min_length=1)
    within: Literal["period", "financial_year", "before_and_after"] = "period"
    cutpoints: dict[str, tuple[float, ...]] = pydantic.Field(default_factory=dict)

    def of(self, outcome: str) -> dict[str, tuple[str, ...]]:
        """Comparison sites by treated site for an outcome. Empty where the plan has none."""
        return self.pairs.get(outcome, self.pairs.get("all", {}))


class OutcomePlan(Part):
    """An outcome and how it is coded; see `impact.outcomes`.

    `oldest` is in completed years at the referral. `months` is the window, `kinds`, `factors`, `leave_out_care` and
    `gap_days` are arguments of single codings. `above` makes an amount binary: 1 where it is greater than this.
    `drop_outliers` leaves out amounts above the upper quartile and 1.5 interquartile ranges, or above a limit.
    """

    id: Name  # type: ignore[valid-type]  # pydantic's own way to name a pattern
    coding: Coding
    oldest: int = pydantic.Field(ge=0, le=25)
    months: int | None = pydantic.Field(default=None, ge=1, le=120)
    kinds: tuple[Literal["cpp", "cin"], ...] = ("cpp",)
    factors: tuple[str, ...] = ()
    leave_out_care: bool = False
    gap_days: int = pydantic.Field(default=1, ge=0, le=365)
    above: float | None = None
    drop_outliers: Literal["interquartile"] | float | None = None

    @property
    def is_amount(self) -> bool:
        """Whether the coding gives days or percent."""
        return self.coding in {"plan_duration", "days_on_plans", "absence", "assessment_days"}

    @property
    def is_binary(self) -> bool:
        """Whether its values are 0 and 1."""
        return not self.is_amount or self.above is not None

    @pydantic.model_validator(mode="after")
    def _amounts(self) -> OutcomePlan:
        if not self.is_amount and (self.above is not None or self.drop_outliers is not None):
            raise ValueError(f"outcome “{self.id}” is no amount, so “above” and “drop_outliers” mean nothing")
        return self


class AnalysisPlan(Part):
    """A model for one or more outcomes.

    `effect` is the question, `treatment` who counts as treated. `periods` are those of the trial, or financial years
    from April (the year effects of a protocol). `by` names the column of the site months that `triple_difference` (0 or
    1), `common_shock` (a number) and `against_comparators` (a word) need; `score` which score of the site periods a
    `dose` is. `shift` moves the start of a placebo so many periods forward. `referred_from` leaves out whoever entered
    before this day. Without `site_effects` a matched difference-in-differences has a dummy for treated sites and one
    for the time after the start of each pair instead. `nodes` above 1 make the logit of a wedge adaptive Gauss-Hermite.
    """

    id: Name  # type: ignore[valid-type]  # as above
    role: Role
    outcomes: tuple[str, ...] = pydantic.Field(min_length=1)
    model: Model
    effect: Effect = "immediate"
    treatment: Literal["at_referral", "half_open_time", "four_weeks"] = "at_referral"
    periods: Literal["trial", "financial_year"] = "trial"
    by: str | None = None
    score: Literal["embeddedness", "fidelity"] = "embeddedness"
    referred_from: dt.date | None = None
    shift: int = pydantic.Field(default=1, ge=1, le=20)
    site_effects: bool = True
    leave_out_embedding: bool = False
    leave_out_sites: tuple[str, ...] = ()
    covariates: bool = True
    matched: bool = False
    nodes: int = pydantic.Field(default=1, ge=1, le=50)

    @property
    def has_covariates(self) -> bool:
        """Whether the model reads covariates at all."""
        return self.covariates and self.model in TAKE_COVARIATES

    @pydantic.model_validator(mode="after")
    def _heeded(self) -> AnalysisPlan:
        if self.effect not in EFFECTS.get(self.model, {"immediate"}):
            raise ValueError(f"“{self.model}” cannot answer “{self.effect}”")
        if self.treatment != "at_referral" and (
            self.model not in TAKE_TREATMENT or self.effect != "immediate"
        ):
            raise ValueError(
                f"“{self.treatment}” goes with the immediate effect of {_listed(TAKE_TREATMENT)}"
            )
        if self.matched and self.model not in TAKE_MATCHING:
            raise ValueError(
                f"“{self.model}” knows no weights; matched samples are for {_listed(TAKE_MATCHING)}"
            )
        if (self.by is None) == (self.effect in BY_SITE_MONTHS):
            raise ValueError(f"“by” goes with {_listed(BY_SITE_MONTHS)}, and they need it")
        needs_pairs = not self.site_effects or self.effect in {"common_shock", "against_comparators"}
        if needs_pairs and not (self.model == "did" and self.matched):
            raise ValueError("the time after the start is known for matched pairs in the model “did” alone")
        if self.nodes > 1 and self.model != "wedge_logit":
            raise ValueError("“nodes” goes with “wedge_logit”")
        if self.shift > 1 and self.effect != "placebo":
            raise ValueError("“shift” goes with “placebo”")
        if self.score != "embeddedness" and self.effect != "dose":
            raise ValueError("“score” goes with “dose”")
        return self


def _listed(names: set[str]) -> str:
    return ", ".join(f"“{name}”" for name in sorted(names))


class Multiplicity(Part):
    """Hochberg's adjustment over the first result of these analyses."""

    method: Literal["hochberg"]
    analyses: tuple[str, ...] = pydantic.Field(min_length=1)


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
