"""Means of groups compared: type III analysis of variance, Tukey's differences, T-scores, and two rank tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from impact.columns import Floats, Ints, groups, numbers, same_length
from impact.errors import BadData, NotIdentified
from impact.estimate import Note
from impact.information import EQUAL, PART, alike, left_over
from impact.ties import ROUNDING, levels

__all__ = [
    "Anova",
    "Comparison",
    "PrintedF",
    "RankTest",
    "Source",
    "kruskal_wallis",
    "mann_whitney",
    "one_way",
    "printed_f",
    "t_scores",
    "tukey",
    "two_way",
]


@dataclass(frozen=True)
class Source:
    """One line of the table. `f` and `p_value` are NaN for the error."""

    name: str
    sum_squares: float
    df: int
    mean_square: float
    f: float
    p_value: float


@dataclass(frozen=True)
class Anova:
    """Type III table. The sources do not add up to `total_sum_squares` (about the mean) unless the cells are balanced."""

    sources: tuple[Source, ...]
    error: Source
    total_sum_squares: float
    total_df: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Comparison:
    """Mean of `second` less mean of `first`, with simultaneous interval and p-value."""

    first: str
    second: str
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class RankTest:
    """A rank test. `statistic` is H for Kruskal-Wallis and U of the first group for Mann-Whitney."""

    statistic: float
    df: int | None
    p_value: float
    n_by_group: dict[str, int]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class PrintedF:
    """The F that printed sums of squares give, and the range that their rounding allows, with its p-values."""

    f: float
    f_low: float
    f_high: float
    p_low: float
    p_high: float


def one_way(
    values: npt.ArrayLike, group: npt.ArrayLike, *, name: str = "group", unit: npt.ArrayLike | None = None
) -> Anova:
    """F = MS(between) / MS(within) for G groups; as `two_way` in data, notes and errors.

    Source: Fisher (1925), Statistical Methods for Research Workers, ch. 7. Checked against `scipy.stats.f_oneway`.
    """
    y, notes = _outcome(values, unit)
    codes, labels = groups(group, name)
    same_length(len(y), {name: codes.astype(float)})
    return _table(y, {name: _sum_coded(codes, len(labels), name)}, notes)


def two_way(
    values: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    names: tuple[str, str] = ("first", "second"),
    unit: npt.ArrayLike | None = None,
) -> Anova:
    """Type III sums of squares of two factors and their interaction: the rise in residual sum of squares when the
    columns of one term leave the full model, all factors coded to sum to zero.

    Source: Yates (1934), JASA 29:51, weighted squares of means; Searle (1987), Linear Models for Unbalanced Data, ch. 4.
    Checked against R `car::Anova(type = 3)` with `contr.sum` and statsmodels 0.15 `anova_lm(typ=3)` with `Sum`; their
    default treatment coding gives another, wrong, test of the main effects.

    `values`, `first`, `second` have shape (n,); rows with missing values raise BadData; there are no weights. `unit` names
    what each row observes, such as the local authority: where it recurs the rows are not independent, and a note says
    that the p-values are too small or too large. A combination of levels without rows, a constant outcome, or no more rows
    than cells raise NotIdentified.
    """
    y, notes = _outcome(values, unit)
    (a, a_labels), (b, b_labels) = groups(first, names[0]), groups(second, names[1])
    same_length(len(y), {names[0]: a.astype(float), names[1]: b.astype(float)})
    filled = np.bincount(a * len(b_labels) + b, minlength=len(a_labels) * len(b_labels))
    if (filled == 0).any():
        row, column = divmod(int(np.argmin(filled)), len(b_labels))
        raise NotIdentified(
            f"No row has “{names[0]}” {a_labels[row]} and “{names[1]}” {b_labels[column]}; "
            "type III tests need every combination."
        )
    left, right = _sum_coded(a, len(a_labels), names[0]), _sum_coded(b, len(b_labels), names[1])
    product = (left[:, :, None] * right[:, None, :]).reshape(len(y), -1)
    return _table(y, {names[0]: left, names[1]: right, f"{names[0]} × {names[1]}": product}, notes)


def printed_f(
    sum_squares: float, df: int, error_sum_squares: float, error_df: int, *, decimals: int
) -> PrintedF:
    """F from sums of squares printed with so many decimals: its value, and the least and greatest that rounding allows.

    A published F is consistent when it lies between `f_low` and `f_high`: in appendix 9 of the Signs of Safety evaluation
    (2020) .008 and .227 give 0.617, not the 0.590 printed, yet 0.590 lies within 0.577 to 0.657. Raises BadData for sums
    that are not above zero, or smaller than their own rounding.
    """
    from scipy import stats  # costs more than the rest of this module

    half = 0.5 * 10.0**-decimals
    if df < 1 or error_df < 1 or not (sum_squares > 0 and error_sum_squares > half):
        raise BadData("Sums of squares must be above their rounding, and degrees of freedom at least 1.")
    ratio = error_df / df
    low = max(0.0, sum_squares - half) / (error_sum_squares + half) * ratio
    high = (sum_squares + half) / (error_sum_squares - half) * ratio
    p_low, p_high = (float(stats.f.sf(f, df, error_df)) for f in (high, low))
    return PrintedF(sum_squares / error_sum_squares * ratio, low, high, p_low, p_high)


def tukey(
    values: npt.ArrayLike, group: npt.ArrayLike, *, order: Sequence[object] | None = None, level: float = 0.95
) -> tuple[Comparison, ...]:
    """Tukey-Kramer: all differences of means against the studentised range q = |d| / √(MSE/2 · (1/n1 + 1/n2)).

    Source: Tukey (1953); Kramer (1956), Biometrics 12:307. Checked against R `TukeyHSD` and statsmodels 0.15
    `pairwise_tukeyhsd`. `order` gives the levels in the order wanted, each later one less each earlier one; without it they
    are sorted. Missing values raise BadData; a level with no row, a single level, or no spread within groups NotIdentified.
    """
    from scipy.stats import studentized_range  # costs more than the rest of this module

    if not 0 < level < 1:
        raise BadData(f"The confidence level must lie between 0 and 1, not {level}.")
    y = numbers(values, "values")
    codes, labels = groups(group, "group")
    table = one_way(y, group).error
    places = {label: place for place, label in enumerate(labels.tolist())}
    wanted = list(places) if order is None else list(order)
    if set(wanted) != set(places) or len(wanted) != len(places):
        raise BadData("“order” must name each level of the group once.")
    n = np.bincount(codes)
    means = np.bincount(codes, y) / n
    reach = float(studentized_range.ppf(level, len(places), table.df))
    found = []
    for later, second in enumerate(wanted):
        for first in wanted[:later]:
            i, j = places[first], places[second]
            error = math.sqrt(table.mean_square / 2 * (1 / n[i] + 1 / n[j]))
            gap = float(means[j] - means[i])
            p_value = float(studentized_range.sf(abs(gap) / error, len(places), table.df))
            found.append(
                Comparison(str(first), str(second), gap, gap - reach * error, gap + reach * error, p_value)
            )
    return tuple(found)


def t_scores(values: npt.ArrayLike, reference: npt.ArrayLike | None = None) -> Floats:
    """50 + 10 (x - mean) / sd of the reference, or of the values themselves; sd with n - 1. Shape (n,).

    Source: McCall (1922), How to Measure in Education; used for the profiles in appendix 7 of the Signs of Safety
    evaluation (2020), with all pilots as reference. Missing values raise BadData, a reference without spread NotIdentified.
    """
    found = numbers(values, "values")
    against = found if reference is None else numbers(reference, "reference")
    spread = float(against.std(ddof=1)) if len(against) > 1 else 0.0
    if spread <= EQUAL * float(np.abs(against).max()):
        raise NotIdentified("The reference has no spread, so there are no T-scores.")
    return np.asarray(50 + 10 * (found - against.mean()) / spread, dtype=np.float64)


def kruskal_wallis(values: npt.ArrayLike, group: npt.ArrayLike) -> RankTest:
    """H with the correction for ties, and its chi-squared approximation on G - 1 degrees of freedom.

    Source: Kruskal and Wallis (1952), JASA 47:583. Computed by `scipy.stats.kruskal`; checked against R `kruskal.test`.
    Missing values raise BadData. One group, or one value throughout, raise NotIdentified.
    """
    from scipy import stats  # costs more than the rest of this module

    y, codes, labels = _ranked(values, group)
    h, p_value = stats.kruskal(*(y[codes == g] for g in range(len(labels))))
    return RankTest(float(h), len(labels) - 1, float(p_value), _sizes(codes, labels), ())


def mann_whitney(
    values: npt.ArrayLike, group: npt.ArrayLike, *, unit: npt.ArrayLike | None = None, continuity: bool = True
) -> RankTest:
    """U of the first group (in sorted order) and the two-sided normal approximation with the correction for ties.

    Source: Mann and Whitney (1947), Annals of Mathematical Statistics 18:50. Computed by `scipy.stats.mannwhitneyu`;
    checked against R `wilcox.test(exact = FALSE)`. `unit` names who answered: a person in both groups makes the data
    paired, which raises BadData, because answers of the same people before and after need Wilcoxon's signed-rank test.
    Missing values raise BadData; other than two groups, or one value throughout, NotIdentified.
    """
    from scipy import stats  # costs more than the rest of this module

    y, codes, labels = _ranked(values, group)
    if len(labels) != 2:
        raise NotIdentified(f"Mann and Whitney compare two groups; there are {len(labels)}.")
    if unit is not None:
        who, _ = groups(unit, "unit")
        same_length(len(y), {"unit": who.astype(float)})
        twice = np.intersect1d(who[codes == 0], who[codes == 1])
        if twice.size:
            raise BadData(
                f"{twice.size} units are in both groups, so the answers are paired. Use Wilcoxon's signed-rank test."
            )
    u, p_value = stats.mannwhitneyu(
        y[codes == 0], y[codes == 1], use_continuity=continuity, method="asymptotic"
    )
    return RankTest(float(u), None, float(p_value), _sizes(codes, labels), ())


def _outcome(values: npt.ArrayLike, unit: npt.ArrayLike | None) -> tuple[Floats, tuple[Note, ...]]:
    y = numbers(values, "values")
    if unit is None:
        text = "Every row is treated as independent of the others. Name the unit to have that checked."
        return y, (Note("independence_assumed", text),)
    codes, labels = groups(unit, "unit")
    same_length(len(y), {"unit": codes.astype(float)})
    if len(labels) == len(y):
        return y, ()
    text = (
        f"{len(y)} rows come from {len(labels)} units, and rows of one unit resemble each other. This analysis treats them as "
        "independent, as the published comparison of local authorities by year did: do not rely on its p-values."
    )
    return y, (Note("units_recur", text),)


def _sum_coded(codes: Ints, n_levels: int, name: str) -> Floats:
    if n_levels < 2:
        raise NotIdentified(f"“{name}” has one level only, so there is nothing to compare.")
    columns = np.eye(n_levels)[:, :-1]
    columns[-1] = -1.0
    return columns[codes]


def _table(y: Floats, terms: dict[str, Floats], notes: tuple[Note, ...]) -> Anova:
    from scipy import stats  # costs more than the rest of this module

    # About the mean, so that an offset of the outcome costs no digits.
    centred = y - y.mean()
    full = _residual(centred, list(terms.values()))
    least = len(y) * (EQUAL * float(np.abs(y).max())) ** 2
    df = len(y) - 1 - sum(term.shape[1] for term in terms.values())
    total = float(centred @ centred)
    if df < 1:
        raise NotIdentified("There are no more rows than groups, so the spread within groups is unknown.")
    if full <= max(least, PART**2 * total):
        raise NotIdentified("The outcome does not vary within the groups, so F has no meaning.")
    error = Source("error", full, df, full / df, math.nan, math.nan)
    sources = []
    for name, term in terms.items():
        without = _residual(centred, [other for other in terms.values() if other is not term])
        rise, k = max(0.0, without - full), term.shape[1]
        f = rise / k / error.mean_square
        sources.append(Source(name, rise, k, rise / k, f, float(stats.f.sf(f, k, df))))
    return Anova(tuple(sources), error, total, len(y) - 1, notes)


def _residual(y: Floats, terms: list[Floats]) -> float:
    x = np.column_stack([np.ones(len(y)), *terms])
    (left,) = left_over(x, y)
    return float(left @ left)


def _ranked(values: npt.ArrayLike, group: npt.ArrayLike) -> tuple[Floats, Ints, list[str]]:
    y = numbers(values, "values")
    codes, labels = groups(group, "group")
    same_length(len(y), {"group": codes.astype(float)})
    if len(labels) < 2 or alike(y):
        raise NotIdentified("Ranks need at least two groups and values that differ.")
    # Ranks are of values that differ by more than rounding: ties that it has parted are ties. Its size is that of the value or
    # of the middle ones, whichever is more; of the largest it is not, which one wrong row would set.
    size = np.abs(y)
    place = levels(y, near=ROUNDING * np.maximum(size, np.median(size)))
    return place.astype(np.float64), codes, [str(label) for label in labels]


def _sizes(codes: Ints, labels: list[str]) -> dict[str, int]:
    return dict(zip(labels, np.bincount(codes).tolist(), strict=True))
