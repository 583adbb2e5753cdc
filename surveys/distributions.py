"""How the answers to an item are spread over its scale in each wave, with the share that counts.

Pure. The base is that of the indicator which reads the item, else everybody who answered.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from .bases import ALL, SUBSTANTIVE, BaseRule, distribution, tally
from .indicators import IndicatorResult, Reading, SurveyWave, WaveKey
from .questionnaire import NUMBER, SEVERAL_CHOICES, InstrumentSpec, ItemSpec, ScaleSpec


@dataclass(frozen=True)
class Spread:
    """One item in one wave. `given` are the respondents by point, those in the base only; `aside` the others.

    `result` is the overall row of the indicator that reads the item, when one does.
    """

    item: ItemSpec
    scale: ScaleSpec
    wave: SurveyWave
    base_rule: BaseRule
    counted: frozenset[str]
    given: Mapping[str, frozenset[str]]
    aside: Mapping[str, frozenset[str]]
    base: frozenset[str]
    n_blank: int
    n_outside: int
    result: IndicatorResult | None = None

    @property
    def key(self) -> WaveKey:
        return self.wave.key

    @property
    def counted_keys(self) -> frozenset[str]:
        return frozenset().union(*(self.given.get(point, frozenset()) for point in self.counted))

    @property
    def is_several(self) -> bool:
        return self.item.kind == SEVERAL_CHOICES


@dataclass(frozen=True)
class Average:
    """Numbers given to an item in one wave, by role ("" for all). Mean and median unrounded."""

    item: ItemSpec
    key: WaveKey
    role: str
    respondents: frozenset[str] = field(repr=False)
    mean: Decimal
    median: Decimal

    @property
    def n(self) -> int:
        return len(self.respondents)


def spreads(
    waves: Iterable[SurveyWave],
    instrument: InstrumentSpec,
    readings: Sequence[Reading],
    results: Iterable[IndicatorResult],
) -> list[Spread]:
    """Items of choices in the order of the instrument, each over its waves."""
    own = [wave for wave in waves if wave.instrument == instrument.name]
    reader = {item: reading for reading in reversed(readings) if reading.rule for item in reading.rule.items}
    overall = {
        (result.indicator.code, result.item, result.key): result for result in results if result.is_overall
    }
    found = []
    for item in instrument.items.values():
        if not item.scale:
            continue
        reading = reader.get(item.code)
        base_rule = reading.rule.base if reading and reading.rule else ALL
        counted = reading.counted[item.code] if reading else frozenset()
        for wave in (wave for wave in own if wave.asks(item.code)):
            result = overall.get((reading.indicator.code, item.code, wave.key)) if reading else None
            found.append(_spread(item, instrument.scale_of(item), wave, base_rule, counted, result))
    return found


def _spread(
    item: ItemSpec,
    scale: ScaleSpec,
    wave: SurveyWave,
    base_rule: BaseRule,
    counted: frozenset[str],
    result: IndicatorResult | None,
) -> Spread:
    counts = tally(wave.respondents, item=item.code, counted=counted, rule=base_rule, point_kinds=scale.kinds)
    points = [point.code for point in scale.points]
    everyone = distribution(wave.respondents, item=item.code, rule=base_rule, points=points)
    given, aside = {}, {}
    for point in scale.points:
        inside = everyone[point.code] & counts.base_keys
        if point.kind == SUBSTANTIVE or inside:
            given[point.code] = inside
        else:
            aside[point.code] = everyone[point.code]
    return Spread(
        item=item,
        scale=scale,
        wave=wave,
        base_rule=base_rule,
        counted=counted,
        given=given,
        aside=aside,
        base=counts.base_keys,
        n_blank=counts.n_blank,
        n_outside=counts.n_outside,
        result=result,
    )


def averages(
    numbers: Iterable[tuple[str, WaveKey, str, str, Decimal]], instrument: InstrumentSpec
) -> list[Average]:
    """Means and medians from (item, wave, respondent, role, number), for all and for each role that gave
    any.
    """
    groups: dict[tuple[str, WaveKey, str], dict[str, Decimal]] = {}
    for item, key, respondent, role, number in numbers:
        groups.setdefault((item, key, ""), {})[respondent] = number
        if role:
            groups.setdefault((item, key, role), {})[respondent] = number
    order = {code: at for at, (code, item) in enumerate(instrument.items.items()) if item.kind == NUMBER}
    return [
        Average(
            instrument.items[item],
            key,
            role,
            frozenset(values),
            statistics.mean(values.values()),
            statistics.median(values.values()),
        )
        for (item, key, role), values in sorted(groups.items(), key=lambda g: (order[g[0][0]], g[0][1:]))
    ]
