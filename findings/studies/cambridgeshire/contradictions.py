"""Where the report's text and tables contradict each other, themselves, or another table.

Pure. Each function yields what it finds and nothing where the data no longer show it: correct a number in the
transcription and its line is gone. "Cannot tell" stands wherever the published numbers settle nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from findings.studies.cambridgeshire.appendix import PERIODS, Appendix, Item, appendix
from findings.studies.cambridgeshire.figures import (
    AGREES,
    CUT,
    DIFFERS,
    WAVE_WORDS,
    Figure,
    base_of,
    claims,
    compared,
    count,
    decimals_of,
    figures,
    need_shares,
    open_cases,
    percent,
    plan,
    shown,
    specialist_rows,
)

CASES = "Appendix A, cases"
CANNOT_TELL = "Cannot tell."


@dataclass(frozen=True)
class Disagreement:
    """`says` holds (where it stands, what it says) once or more often."""

    what: str
    says: tuple[tuple[str, str], ...]
    arithmetic: str


def table_of(item: Item) -> str:
    return f"Appendix A, “{item.wording}”"


# The text against a table.


def different_numbers() -> Iterator[Disagreement]:
    """Figures of the text that no rounding of the tables gives."""
    for figure in figures():
        if figure.outcome == DIFFERS:
            yield _DIFFERENT[figure.check](appendix(), figure)


def _different_share(tables: Appendix, figure: Figure) -> Disagreement:
    n, base = (int(number) for number in figure.counts.split(" of "))
    fitting = [k for k in range(base + 1) if compared(percent(k, base), figure.printed) == AGREES]
    words = f"{fitting[0]} of {base} would be printed so" if fitting else f"no count of {base} is printed so"
    return Disagreement(
        what=figure.what,
        says=(
            (figure.place, f"{figure.printed}%"),
            (table_of(tables.items[figure.against["item"]]), figure.counts),
        ),
        arithmetic=f"{figure.counts} is {shown(percent(n, base))}%; {words}. Cannot tell which is right.",
    )


def _different_need(tables: Appendix, figure: Figure) -> Disagreement:
    row, _ = figure.against
    fits = any(
        compared(share, figure.printed) == AGREES
        for share, _, _ in need_shares(tables, "secondary_need", row)
    )
    assert figure.actual is not None
    return Disagreement(
        what=figure.what,
        says=(
            (figure.place, f"{figure.printed}%"),
            (f"{CASES}, secondary need", f"{figure.counts}, {shown(figure.actual)}%"),
        ),
        arithmetic=f"{'Another' if fits else 'No'} period of the row gives {figure.printed}%. {CANNOT_TELL}",
    )


def _not_always_above(tables: Appendix, figure: Figure) -> Disagreement:
    shares = need_shares(tables, "primary_need", figure.against)
    at = shares.index(min(shares))
    share, n, new = shares[at]
    in_table = tables.cases["primary_need"][figure.against][at][1]
    return Disagreement(
        what=f"{figure.against} as the primary need of new cases ({tables.periods[PERIODS[at]]})",
        says=(
            (figure.place, f"over {figure.printed}% in every period"),
            (f"{CASES}, primary need", f"{n} of {new}, printed as {in_table}%"),
        ),
        arithmetic=(
            f"{n} of {new} is {shown(share)}%: below {figure.printed}%, and not the table’s own {in_table}% "
            "either, "
            f"which would need a base of about {round(Fraction(100 * n, in_table))}. {CANNOT_TELL}"
        ),
    )


def _different_re_referrals(tables: Appendix, figure: Figure) -> Disagreement:
    assert figure.actual is not None
    return Disagreement(
        what=figure.what,
        says=(
            (figure.place, f"{figure.printed}%"),
            (f"{CASES}, re-referrals", f"{shown(figure.actual, 0)}%"),
        ),
        arithmetic=(
            "Cannot tell. The two earlier periods agree. The text speaks of referrals, the table of new "
            "cases; another "
            "base could explain a difference, but not why only two periods have one."
        ),
    )


def _different_plan(tables: Appendix, figure: Figure) -> Disagreement:
    row, period = figure.against
    in_table, in_text, total = plan(tables, row, period), int(figure.printed), open_cases(tables, period)
    other = total - in_table + in_text
    protection = plan(tables, "Child protection", period)
    return Disagreement(
        what=figure.what,
        says=((figure.place, str(in_text)), (f"{CASES}, plans at the end of the period", str(in_table))),
        arithmetic=(
            "Cannot tell; the shares printed for that date do not settle it. Looked after is printed as "
            f"15%: {in_table} "
            f"is {shown(percent(in_table, total))}% of {total:,}, {in_text} is "
            f"{shown(percent(in_text, other))}% of "
            f"{other:,}. Child protection is printed as 35%: {protection} is "
            f"{shown(percent(protection, total))}% of "
            f"{total:,} and {shown(percent(protection, other))}% of {other:,}. Each total suits one of the "
            "two."
        ),
    )


_DIFFERENT = {
    "share": _different_share,
    "need_extreme": _different_need,
    "always_above": _not_always_above,
    "re_referrals": _different_re_referrals,
    "plan": _different_plan,
}


def contradicted_claims() -> Iterator[Disagreement]:
    """Claims in words that the counts contradict."""
    tables = appendix()
    yield from _stress(tables)
    yield from _re_referrals(tables)
    yield from _most_common_need(tables)
    yield from _all_roles(tables)
    yield from _interviewed(tables)
    yield from _completed(tables)


def _stress(tables: Appendix) -> Iterator[Disagreement]:
    item = tables.items["job_stressed"]
    pairs = [(item.answers(wave, item.scale.top), base_of(item, wave)) for wave in item.counts]
    first, later = (percent(*pair) for pair in pairs)
    if later > first:
        yield Disagreement(
            what="Whether stress rose between the waves",
            says=(
                (claims()["stress_no_higher"]["place"], "no higher at follow-up than at interim"),
                (table_of(item), ", then ".join(f"{n} of {base}" for n, base in pairs)),
            ),
            arithmetic=(
                f"{shown(first)}%, then {shown(later)}%. The claim rests on the text’s 30%. By the table the "
                "share is "
                "higher, by a margin too small to call a rise with so few answers."
            ),
        )


def _re_referrals(tables: Appendix) -> Iterator[Disagreement]:
    _, before, after, later = tables.cases["re_referral_percent"]
    if later > before:
        yield Disagreement(
            what="Whether re-referrals fell after the launch",
            says=(
                (claims()["re_referrals_fell"]["place"], "they fell after Nov 2019–Jan 2020"),
                (f"{CASES}, re-referrals", f"{before}%, then {after}%, then {later}%"),
            ),
            arithmetic="By the table they fell a little, then stood higher than before. Cannot tell.",
        )


def _most_common_need(tables: Appendix) -> Iterator[Disagreement]:
    needs = tables.cases["secondary_need"]
    for at, period in enumerate(PERIODS):
        abuse, health = count(needs["Abuse or neglect"][at]), count(needs["Mental health"][at])
        if health > abuse:
            yield Disagreement(
                what=f"The most common secondary need ({tables.periods[period]})",
                says=(
                    (claims()["most_common_after_abuse"]["place"], "abuse or neglect, before mental health"),
                    (f"{CASES}, secondary need", f"mental health {health}, abuse or neglect {abuse}"),
                ),
                arithmetic=f"Mental health is first, by {health - abuse} cases. Elsewhere the order holds.",
            )


def _all_roles(tables: Appendix) -> Iterator[Disagreement]:
    specialists = specialist_rows(tables)
    missing = [row for row in specialists if row not in tables.roles.values()]
    if missing:
        names = " and no ".join(row[0].lower() + row[1:] for row in missing)
        yield Disagreement(
            what="Which roles answered at follow-up",
            says=(
                (claims()["all_roles"]["place"], "all roles"),
                (
                    "Appendix A, “Your role”",
                    f"{len(specialists) - len(missing)} of the {len(specialists)} specialist roles",
                ),
            ),
            arithmetic=(
                f"The table has no {names}, though people in both roles had been appointed by September "
                "2020. Its rows "
                "add to its total. Cannot tell whether “all” was meant of the other roles."
            ),
        )


def _interviewed(tables: Appendix) -> Iterator[Disagreement]:
    row, claim = "Interviews with social workers", claims()["interviewed_at_interim"]
    in_table, social_workers = tables.collected[row][1], claim["social_workers"]
    if in_table != social_workers:
        yield Disagreement(
            what="Who was interviewed at interim",
            says=(
                (
                    claim["place"],
                    f"{social_workers} social workers and {claim['senior_practitioners']} senior practitioners",
                ),
                ("Methods, Table 1", f"{row.lower()}: {in_table}"),
            ),
            arithmetic="The sum is the same: the table counts the senior practitioners as social workers.",
        )


def _completed(tables: Appendix) -> Iterator[Disagreement]:
    """The most and the fewest answers to an item that was put to everybody, by wave."""
    ends = []
    for wave in tables.waves:
        asked = [i for i in tables.items.values() if i.base == "all" and wave in i.counts]
        totals = [base_of(item, wave, "answers") for item in asked]
        ends.append((max(totals), min(totals)))
    answered = [one.answered for one in tables.waves.values()]
    if any(most < n for (most, _), n in zip(ends, answered, strict=True)):
        (most, fewest), (later_most, later_fewest) = ends
        shares = " and ".join(
            f"{shown(percent(least, one.eligible))}%"
            for (_, least), one in zip(ends, tables.waves.values(), strict=True)
        )
        yield Disagreement(
            what="How many completed the survey",
            says=(
                (claims()["completed"]["place"], f"{answered[0]} (69%) and {answered[1]} (48%) did"),
                (
                    "Appendix A, items put to all respondents",
                    f"{most} down to {fewest} answers, then {later_most} down to {later_fewest}",
                ),
            ),
            arithmetic=(
                f"Only the questions on role and district have {answered[0]} and {answered[1]} respondents; some "
                "people stopped early. The response counts them; of the staff in post, the items with the fewest "
                f"answers have {shares}."
            ),
        )


# A table against itself.


def tables_that_do_not_add_up() -> Iterator[Disagreement]:
    tables = appendix()
    for item in tables.items.values():
        for wave, counts in item.counts.items():
            if counts.printed is not None and counts.printed != sum(counts.rows):
                yield _item_total(item, wave)
    yield from _primary_need_totals(tables)


def _item_total(item: Item, wave: str) -> Disagreement:
    counts = item.counts[wave]
    total, printed = sum(counts.rows), counts.printed or 0
    if counts.by_role:
        roles = " + ".join(str(n) for n in counts.printed_by_role.values())
        arithmetic = (
            f"The columns add to {total}, and so do the printed totals of the roles ({roles}). {printed} "
            "looks like a "
            "misprint; the text’s shares rest on the rows."
        )
    else:
        top = item.answers(wave, item.scale.top)
        arithmetic = (
            f"The rows are {printed - total} answers short, or the total is {printed - total} too high: "
            "cannot tell. The "
            f"text’s share is {top} of {printed}, {shown(percent(top, printed))}%; on the rows it is {top} "
            f"of {total}, "
            f"{shown(percent(top, total))}%."
        )
    return Disagreement(
        what=f"{item.wording} ({WAVE_WORDS[wave]})",
        says=(
            (f"{table_of(item)}, total", str(printed)),
            ("Same table, rows", " + ".join(str(n) for n in counts.rows) + f" = {total}"),
        ),
        arithmetic=arithmetic,
    )


def _primary_need_totals(tables: Appendix) -> Iterator[Disagreement]:
    for at, (period, new) in enumerate(zip(PERIODS, tables.cases["new_cases"], strict=True)):
        total = sum(count(cells[at]) for cells in tables.cases["primary_need"].values())
        if total != new:
            abuse = count(tables.cases["primary_need"]["Abuse or neglect"][at])
            yield Disagreement(
                what=f"Primary need of new cases ({tables.periods[period]})",
                says=(
                    (f"{CASES}, new cases", str(new)),
                    (f"{CASES}, primary need, rows", f"add to {total}"),
                ),
                arithmetic=(
                    "Every new case is said to have one primary need, and in the other periods the rows add "
                    "up. Here "
                    f"{new - total} are missing; the shares are of {new} ({abuse} is printed as "
                    f"{shown(percent(abuse, new), 0)}%; of {total} it would be "
                    f"{shown(percent(abuse, total), 0)}%). "
                    f"{CANNOT_TELL}"
                ),
            )


@dataclass(frozen=True)
class TableShare:
    """A percentage printed inside the table of cases, and what its count and base give."""

    place: str
    row: str
    period: str
    printed: Decimal
    n: int
    base: int

    @property
    def share(self) -> Fraction:
        return percent(self.n, self.base)


def shares_in_the_table_of_cases() -> Iterator[TableShare]:
    tables = appendix()
    bases = dict(zip(PERIODS, tables.cases["new_cases"], strict=True))
    for table, name in (
        ("primary_need", "primary need"),
        ("secondary_need", "secondary need"),
        ("plans", "plans"),
    ):
        for row, cells in tables.cases[table].items():
            for period, cell in zip(PERIODS, cells, strict=True):
                if isinstance(cell, list):
                    base = open_cases(tables, period) if table == "plans" else bases[period]
                    yield TableShare(f"{CASES}, {name}", row, period, Decimal(str(cell[1])), cell[0], base)


def shares_cut() -> Iterator[Disagreement]:
    """Shares that cutting at the last printed decimal gives, and rounding does not."""
    tables = appendix()
    for figure in figures():
        if figure.outcome == CUT and figure.check == "share":
            assert figure.actual is not None
            yield Disagreement(
                what=figure.what,
                says=(
                    (figure.place, f"{figure.printed}%"),
                    (table_of(tables.items[figure.against["item"]]), figure.counts),
                ),
                arithmetic=f"{shown(figure.actual, 2)}%, which rounds to {shown(figure.actual, 0)}%.",
            )
    found = list(shares_in_the_table_of_cases())
    for one in found:
        if compared(one.share, one.printed) == CUT:
            yield _cut_in_table(tables, one, found)


def _cut_in_table(tables: Appendix, one: TableShare, others: Sequence[TableShare]) -> Disagreement:
    words = f"{shown(one.share, 2)}%, which rounds to {shown(one.share, decimals_of(one.printed))}%."
    same = sorted(
        {o.printed for o in others if (o.n, o.base) == (one.n, one.base) and o.printed != one.printed}
    )
    words += "".join(
        f" The same {one.n} of {one.base} is printed as {value}% elsewhere in the table." for value in same
    )
    place = one.place
    if one.place.endswith("plans"):
        together = sum(o.printed for o in others if (o.place, o.period) == (one.place, one.period))
        words += (
            " The table prints no base; this is the sum of its three counts. Their printed shares add to "
            f"{together}. "
            "With the text’s number of children looked after (see above) this share would round as printed."
        )
        place += "; Findings 1a, cases"
    return Disagreement(
        what=f"{one.row} ({tables.periods[one.period]})",
        says=((place, f"{one.printed}%"), ("Counts in the table", f"{one.n} of {one.base:,}")),
        arithmetic=words,
    )
