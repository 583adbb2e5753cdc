"""Administrative data of the shape that local authorities return, invented, with effects that are known.

Made for trying a plan before any data arrive, and for tests. Every table has the columns that `impact.outcomes` reads. A
child's chance of becoming looked after is logistic in its site, the period, its covariates and the treatment, so that
the primary model is true; the other outcomes are driven by effects on days and shares that are stated in `Effects`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from impact.errors import BadData
from impact.plans import Plan
from impact.site_periods import SitePeriods

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Effects", "Study", "difference_in_differences", "make", "of_plan", "save", "stepped_wedge"]

NEEDS = ["abuse or neglect", "disability", "illness of a parent", "acute stress", "dysfunction", "other"]
Days = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Effects:
    """True effects of the programme. Log-odds for chances, days for plans, percentage points for absence."""

    looked_after_log_odds: float = -0.25
    started_plan_log_odds: float = -0.15
    re_referred_log_odds: float = -0.20
    kinship_log_odds: float = 0.30
    reunified_log_odds: float = 0.20
    plan_days: float = -25.0
    absence_points: float = -0.4
    assessment_days: float = -3.0


@dataclass(frozen=True)
class Study:
    """The shape of a study. `lives` holds each site's live date, None for a comparison site; `oldest` the highest age."""

    sites: tuple[str, ...]
    lives: tuple[dt.date | None, ...]
    opens_on: dt.date
    closes_on: dt.date
    n_children: int
    oldest: int
    base_rate: float
    site_sd: float

    def __post_init__(self) -> None:
        if len(self.sites) != len(self.lives) or self.n_children < len(self.sites):
            raise BadData("A study needs a live date or None for each site, and at least one child a site.")
        if not 0 < self.base_rate < 1:
            raise BadData("The base rate must lie between 0 and 1.")


def stepped_wedge(n_children: int = 51_000) -> Study:
    """Five sites that go live in steps of half a year; children aged 0 to 12; 6% looked after, ICC near .007."""
    lives = tuple(dt.date(2020 + (step + 1) // 2, 7 if step % 2 == 0 else 1, 1) for step in range(5))
    return Study(
        ("A", "B", "C", "D", "E"), lives, dt.date(2020, 1, 1), dt.date(2023, 1, 1), n_children, 12, 0.06, 0.15
    )


def difference_in_differences(n_children: int = 100_000) -> Study:
    """Five sites that go live every four months and ten comparison sites; children aged 0 to 17; 4% looked after."""
    first = [(2021, 7), (2021, 11), (2022, 3), (2022, 7), (2022, 11)]
    lives = (*(dt.date(year, month, 1) for year, month in first), *([None] * 10))
    sites = (*(f"T{n}" for n in range(1, 6)), *(f"C{n:02}" for n in range(1, 11)))
    return Study(sites, lives, dt.date(2018, 4, 1), dt.date(2023, 4, 1), n_children, 17, 0.04, 0.15)


def of_plan(
    plan: Plan, sites: SitePeriods, *, n_children: int, base_rate: float = 0.05, site_sd: float = 0.15
) -> Study:
    """The study of a plan: its trial period, the sites of its file of site periods, and the oldest age of its outcomes.

    Sites without a live date are comparison sites.
    """
    return Study(
        tuple(site.code for site in sites.sites),
        tuple(site.live.used for site in sites.sites),
        plan.trial.opens_on,
        plan.trial.closes_on,
        n_children,
        max(outcome.oldest for outcome in plan.outcomes),
        base_rate,
        site_sd,
    )


def make(study: Study, *, seed: int, effects: Effects | None = None) -> dict[str, pd.DataFrame]:
    """All tables by name: children, referrals, assessments, plans, care, meetings, proceedings, sessions, site_months.

    The same seed gives the same tables, where the study names its sites in the same order: no rows come in that could have
    keys, and a site is drawn by its place in `study.sites`. A tenth of the children is older than `study.oldest`, so that
    the age rule has something to do.
    """
    return _Maker(study, np.random.default_rng(seed), effects or Effects()).tables()


def save(
    tables: dict[str, pd.DataFrame], folder: Path, *, kind: Literal["parquet", "csv"] = "parquet"
) -> None:
    """Write each table as a file of its name. In CSV a list stands in one cell, with semicolons."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if kind == "parquet":
            table.to_parquet(folder / f"{name}.parquet", index=False)
            continue
        if "factors" in table.columns:
            table = table.assign(factors=table["factors"].map("; ".join))
        table.to_csv(folder / f"{name}.csv", index=False)


class _Maker:
    """Draws the tables of one study. Days are counted from the epoch until they are written out."""

    def __init__(self, study: Study, random: np.random.Generator, effects: Effects) -> None:
        self.study, self.random, self.effects = study, random, effects
        n = study.n_children
        self.child = np.array([f"c{number:07}" for number in range(n)], dtype=object)
        self.site = random.integers(0, len(study.sites), n)
        self.opens, self.closes = _day(study.opens_on), _day(study.closes_on)
        self.referred = random.integers(self.opens, self.closes, n)
        far = _day(dt.date(2200, 1, 1))
        self.live = np.array([far if day is None else _day(day) for day in study.lives])[self.site]
        self.treated = (self.referred >= self.live).astype(float)
        too_old = random.random(n) < 0.1
        age_days = random.uniform(0, (study.oldest + 1) * 365.2, n)
        self.age_days = np.where(too_old, (study.oldest + 1) * 365.25 + 30 + age_days / 4, age_days)
        self.sex = random.choice(["female", "male"], n)
        self.is_disabled = random.random(n) < 0.09
        self.site_effect = random.normal(0, study.site_sd, len(study.sites))[self.site]
        self.year = (self.referred - self.opens) / 365.25

    def tables(self) -> dict[str, pd.DataFrame]:
        import pandas as pd

        self.plan_table = self._plans()
        made = {
            "children": self._children(),
            "referrals": self._referrals(),
            "assessments": self._assessments(),
            "plans": self.plan_table,
            "care": self._care(),
            **self._court(),
            "sessions": self._sessions(),
            "site_months": self._site_months(),
        }
        for table in made.values():
            for name in table.columns[table.columns.str.endswith("_on")]:
                table[name] = pd.to_datetime(table[name], unit="D")
        return made

    def _happens(self, base: float, effect: float, slope: float = 0.0) -> npt.NDArray[np.bool_]:
        """Draws from a logistic model; `base` is the share among untreated children of middling covariates."""
        odds = np.log(base / (1 - base)) + self.site_effect + effect * self.treated + slope * self.year
        odds += 0.3 * self.is_disabled - 0.02 * (self.age_days / 365.25 - 6)
        return np.asarray(self.random.random(len(odds)) < 1 / (1 + np.exp(-odds)))

    def _chance(
        self, base: float, effect: float, who: Days, *, since: Days | None = None
    ) -> npt.NDArray[np.bool_]:
        """Draws for some children, of this share where the programme was not live yet at the referral (or at `since`)."""
        treated = self.treated[who] if since is None else (since >= self.live[who]).astype(float)
        odds = np.log(base / (1 - base)) + effect * treated
        return np.asarray(self.random.random(len(who)) < 1 / (1 + np.exp(-odds)))

    def _children(self) -> pd.DataFrame:
        import pandas as pd

        ethnicity = self.random.choice(
            ["white", "mixed", "asian", "black", "other"], len(self.child), p=[0.7, 0.1, 0.09, 0.07, 0.04]
        )
        made = pd.DataFrame(
            {
                "child": self.child,
                "site": np.array(self.study.sites, dtype=object)[self.site],
                "birth_on": self.referred - self.age_days.astype(np.int64),
                "sex": self.sex,
                "is_disabled": self.is_disabled.astype(float),
                "free_meals": (self.random.random(len(self.child)) < 0.4).astype(float),
                "is_unaccompanied": (self.random.random(len(self.child)) < 0.02).astype(float),
                "earlier_plans": self.random.poisson(0.15, len(self.child)).astype(float),
                "had_plan": 0.0,
                # Every twentieth was not recorded, which the rule for missing values has to meet.
                "ethnicity": pd.Series(ethnicity).mask(self.random.random(len(self.child)) < 0.05),
            }
        )
        return made.assign(had_plan=(made["earlier_plans"] > 0).astype(float))

    def _referrals(self) -> pd.DataFrame:
        import pandas as pd

        again = self._happens(0.22, self.effects.re_referred_log_odds)
        later = self.referred[again] + self.random.integers(30, 548, int(again.sum()))
        open_for = self.random.gamma(1.5, 60, len(self.child) + len(later)).astype(np.int64) + 1
        referred = np.concatenate([self.referred, later])
        return pd.DataFrame(
            {
                "child": np.concatenate([self.child, self.child[again]]),
                "site": np.array(self.study.sites, dtype=object)[
                    np.concatenate([self.site, self.site[again]])
                ],
                "referred_on": referred,
                "closed_on": referred + open_for,
                "main_need": self.random.choice(NEEDS, len(referred), p=[0.55, 0.08, 0.05, 0.1, 0.18, 0.04]),
            }
        )

    def _assessments(self) -> pd.DataFrame:
        import pandas as pd

        factors = ["substance misuse", "mental health", "domestic abuse", "neglect"]
        found = self.random.random((len(self.child), len(factors))) < [0.25, 0.35, 0.4, 0.3]
        listed = [[f for f, there in zip(factors, row, strict=True) if there] for row in found.tolist()]
        started = self.referred + self.random.integers(0, 6, len(self.child))
        length = (
            self.random.gamma(3, 12, len(self.child)) + 7 / 5 * self.effects.assessment_days * self.treated
        )
        return pd.DataFrame(
            {
                "child": self.child,
                "referred_on": self.referred,
                "started_on": started,
                "ended_on": started + np.clip(np.round(length), 0, None).astype(np.int64),
                "factors": listed,
            }
        )

    def _plans(self) -> pd.DataFrame:
        import pandas as pd

        begun = np.flatnonzero(self._happens(0.12, self.effects.started_plan_log_odds))
        starts = self.referred[begun] + self.random.integers(14, 330, len(begun))
        length = self.random.gamma(4, 75, len(begun)) + self.effects.plan_days * self.treated[begun]
        cpp_ends = starts + np.clip(length, 20, None).astype(np.int64)
        back = self.random.random(len(begun)) < 0.3
        in_need = np.flatnonzero(self._happens(0.25, 0.0))
        cin_starts = self.referred[in_need] + self.random.integers(7, 60, len(in_need))
        parts = [
            ("cpp", begun, starts, cpp_ends),
            ("cin", begun[back], cpp_ends[back] + 90, cpp_ends[back] + 200),
            ("cin", in_need, cin_starts, cin_starts + self.random.integers(30, 300, len(in_need))),
        ]
        return pd.concat(
            [
                pd.DataFrame({"child": self.child[who], "kind": kind, "started_on": start, "ended_on": end})
                for kind, who, start, end in parts
            ],
            ignore_index=True,
        )

    def _care(self) -> pd.DataFrame:
        import pandas as pd

        slope = 0.05
        who = np.flatnonzero(self._happens(self.study.base_rate, self.effects.looked_after_log_odds, slope))
        starts = self.referred[who] + self.random.integers(1, 540, len(who))
        moved = starts + self.random.integers(10, 200, len(who))
        ends = moved + self.random.integers(30, 900, len(who))
        by_kin = self._chance(0.25, self.effects.kinship_log_odds, who)
        kin, others = (self.random.choice(codes, len(who)) for codes in (["U1", "U3"], ["U6", "K2"]))
        first = np.where(by_kin, kin, others)
        # Whether care ends at home depends on the programme when it began, as the outcome reads it.
        went_home = self._chance(0.35, self.effects.reunified_log_odds, who, since=starts)
        home = np.where(went_home, "E4A", "E8")
        # Two episodes a child: a change of placement on one day is no new entry into care.
        return pd.DataFrame(
            {
                "child": np.concatenate([self.child[who]] * 2),
                "started_on": np.concatenate([starts, moved]),
                "ended_on": np.concatenate([moved, ends]),
                "placement": np.concatenate([first, np.full(len(who), "U6")]),
                "end_reason": np.concatenate([np.full(len(who), "X1"), home]),
            }
        )

    def _court(self) -> dict[str, pd.DataFrame]:
        import pandas as pd

        met = np.flatnonzero(self._happens(0.05, 0.0))
        days = self.referred[met] + self.random.integers(30, 500, len(met))
        issued = self.random.random(len(met)) < 0.4
        after = days[issued] + self.random.integers(7, 160, int(issued.sum()))
        return {
            "meetings": pd.DataFrame({"child": self.child[met], "met_on": days}),
            "proceedings": pd.DataFrame({"child": self.child[met][issued], "issued_on": after}),
        }

    def _sessions(self) -> pd.DataFrame:
        import pandas as pd

        years = range(self.study.opens_on.year, self.study.closes_on.year + 2)
        days = np.array([_day(dt.date(y, m, d)) for y in years for m, d in ((1, 4), (4, 20), (9, 3))])
        at_school = np.flatnonzero(self.age_days > 4 * 365)
        next_term = np.searchsorted(days, self.referred[at_school], side="right")
        rate = np.clip(self.random.gamma(1.2, 2.5, len(at_school)), 0, 60)
        rate = np.clip(rate + 2 + self.effects.absence_points * self.treated[at_school], 0, 100) / 100
        terms = []
        for later in range(3):
            possible = self.random.integers(110, 140, len(at_school))
            terms.append(
                pd.DataFrame(
                    {
                        "child": self.child[at_school],
                        "term_starts_on": days[next_term + later],
                        "possible": possible,
                        "unauthorised": self.random.binomial(possible, rate),
                    }
                )
            )
        return pd.concat(terms, ignore_index=True)

    def _site_months(self) -> pd.DataFrame:
        import pandas as pd

        months = pd.date_range(self.study.opens_on - dt.timedelta(days=62), self.study.closes_on, freq="MS")
        n, since = len(months), np.array([_day(month.date()) for month in months])
        parts = []
        for place, site in enumerate(self.study.sites):
            parts.append(
                pd.DataFrame(
                    {
                        "site": site,
                        "month_on": since,
                        "caseload": 16 + self.random.normal(0, 1) + self.random.normal(0, 0.5, n),
                        "share_free_meals": np.clip(
                            self.random.normal(0.3, 0.08) + self.random.normal(0, 0.01, n), 0, 1
                        ),
                        "share_white_british": np.clip(
                            self.random.normal(0.7, 0.1) + self.random.normal(0, 0.01, n), 0, 1
                        ),
                        # Every third site takes up another programme; every other one becomes rated good, or stops being so.
                        "other_programme": (
                            np.arange(n) >= self.random.integers(0, n) + n * (place % 3 > 0)
                        ).astype(float),
                        "rated_good": (
                            (np.arange(n) >= self.random.integers(0, n)) == (place % 2 == 0)
                        ).astype(float),
                        # A shock that struck everybody alike, for three months.
                        "shock": np.isin(np.arange(n), np.arange(3) + int(0.7 * n)).astype(float),
                        "practice_model": "similar" if place % 2 else "none",
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)


def _day(date: dt.date) -> int:
    return (date - dt.date(1970, 1, 1)).days
