"""Where numbers of the report are in doubt without contradicting outright: sources, bases, references.

Pure, and built as `contradictions`: each function yields what the data show and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from findings.studies.cambridgeshire.appendix import Appendix, appendix
from findings.studies.cambridgeshire.contradictions import CASES, Disagreement, table_of
from findings.studies.cambridgeshire.figures import (
    WAVE_WORDS,
    base_of,
    claims,
    figures,
    filled,
    percent,
    shown,
    specialist_rows,
)

OVER_HALF = ("All of my cases", "More than half of my cases")
FEWER_THAN_HALF, NONE_OF_THEM = "Fewer than half of my cases", "None of my cases"

# Sources against each other.


def two_sources() -> Iterator[Disagreement]:
    """Numbers from different sources that cannot all mean what they seem to mean."""
    tables = appendix()
    yield from _specialist_before_appointment(tables)
    yield from _roles_before_appointment(tables)
    yield from _posts_that_went(tables)
    yield from _caseloads(tables)
    yield from _teams(tables)


def _specialist_before_appointment(tables: Appendix) -> Iterator[Disagreement]:
    cases = tables.cases["specialist_involvement"]["Mental health"][2:]
    if all(cases) and not any(filled(tables, "Mental health practitioner", date) for date in (2, 3)):
        yield Disagreement(
            what="Mental health specialists before one was in post",
            says=(
                (
                    f"{claims()['mental_health_worker']['place']}; Appendix A, posts",
                    "all five posts vacant on 30 April and 31 July 2020, the first filled in September 2020",
                ),
                (
                    f"Findings 1a, cases; {CASES}, specialists",
                    f"{cases[0]} cases with one in Feb–Apr 2020, {cases[1]} in May–Jul 2020",
                ),
            ),
            arithmetic="Both cannot hold as worded. Cannot tell who was involved in those cases.",
        )


def _roles_before_appointment(tables: Appendix) -> Iterator[Disagreement]:
    choice = tables.multiple_choice["roles_in_team"]
    asked = choice.mentions["interim"].respondents
    ticked = dict(zip(choice.choices, choice.mentions["interim"].counts, strict=True))
    early = [row for row in specialist_rows(tables) if ticked[row] and not filled(tables, row, 2)]
    if early:
        yield Disagreement(
            what="Specialist roles in the respondents’ teams (interim)",
            says=(
                (
                    f"Appendix A, “{choice.wording}”",
                    "; ".join(f"{row[0].lower() + row[1:]}: {ticked[row]} of {asked}" for row in early),
                ),
                ("Appendix A, posts", "all posts of these roles vacant on 31 January and on 30 April 2020"),
            ),
            arithmetic=(
                "The wave ran from February to April 2020. Cannot tell whether one role was taken for "
                "another or people "
                "from elsewhere were counted."
            ),
        )


def _posts_that_went(tables: Appendix) -> Iterator[Disagreement]:
    rows = ("Social worker", "Children's practitioner")
    changes = {row: (filled(tables, row, 1), filled(tables, row, 2)) for row in rows}
    if all(after < before for before, after in changes.values()):
        posts = [f"{cell[0]:g}" for cell in tables.posts["Children's practitioner"] if cell]
        yield Disagreement(
            what="Staff in post in the first three months",
            says=(
                (
                    claims()["nobody_left"]["place"],
                    "no leavers reported; children’s practitioner posts stable",
                ),
                (
                    "Appendix A, posts less vacancies, 31 January and 30 April 2020",
                    "; ".join(
                        f"{row.lower()}s {float(a):g}, then {float(b):g}" for row, (a, b) in changes.items()
                    ),
                ),
            ),
            arithmetic=(
                "Posts and the people in them fell together, so moves inside the authority could explain "
                "it: cannot tell. "
                f"Children’s practitioner posts went {', '.join(posts)} over the four dates."
            ),
        )


def _caseloads(tables: Appendix) -> Iterator[Disagreement]:
    claim = claims()["caseload_stable"]
    roles = ("senior_practitioner", "social_worker", "childrens_practitioner")
    held = {role: (tables.caseload["interim"][role], tables.caseload["follow_up"][role]) for role in roles}
    if all(later < first for first, later in held.values()):
        yield Disagreement(
            what="Average caseload",
            says=(
                (
                    claim["place"],
                    f"stable: {claim['before']} before, {claim['after']} at three and six months",
                ),
                (
                    "Appendix A, average caseload (survey), interim and follow-up",
                    "; ".join(
                        f"{tables.roles[role].lower()}s {a}, then {b}" for role, (a, b) in held.items()
                    ),
                ),
            ),
            arithmetic=(
                "Not the same measure: the text’s is per full-time equivalent and ends in July 2020, the "
                "survey’s is per "
                "person and runs to December 2020. The text does not mention the survey’s. Cannot tell "
                "whether loads fell."
            ),
        )


def _teams(tables: Appendix) -> Iterator[Disagreement]:
    claim = claims()["teams"]
    managers = [f"{cell[0]:g}" for cell in tables.posts["Team manager"] if cell]
    if managers[2] == str(claim["before"]):
        yield Disagreement(
            what="When there were ten teams",
            says=(
                (claim["place"], f"{claim['now']}, up from {claim['before']} before the launch"),
                (
                    "Appendix A, posts, note and team managers",
                    f"{managers[2]} on 30 April 2020, after the launch; {managers[3]} on 31 July 2020",
                ),
            ),
            arithmetic=(
                "Both hold only if the tenth team came some months after the launch. The text gives no date: "
                "cannot tell."
            ),
        )


# Bases.


def bases_in_doubt() -> Iterator[Disagreement]:
    """Percentages whose base differs between text and table, or from one item to the next."""
    tables = appendix()
    yield _not_applicable(tables)
    yield from _without_cases(tables)
    yield _modules_or_none(tables)
    yield _direct_work(tables)
    yield _social_workers_and_students(tables)
    yield _supervision_helpful(tables)
    yield _frontline(tables)
    yield _time_for_the_model(tables)
    yield from _support_without_training(tables)
    yield Disagreement(
        what="Children or cases (plans and looked after)",
        says=(
            ("Findings 2b, key indicators", "numbers of children"),
            (f"{CASES}; Findings 1a, cases", "numbers and shares of cases"),
        ),
        arithmetic="The same numbers carry both words. Cannot tell whether a case is a child or a family.",
    )


def _printed_shares(code: str) -> str:
    printed = [f"{f.printed}%" for f in figures() if f.check == "share" and f.against["item"] == code]
    return ", ".join(printed)


def _not_applicable(tables: Appendix) -> Disagreement:
    item = tables.items["mi_use"]
    words = []
    for wave in item.counts:
        base = base_of(item, wave)
        some, many = (item.answers(wave, points) for points in ((*OVER_HALF, FEWER_THAN_HALF), OVER_HALF))
        words.append(
            f"{WAVE_WORDS[wave]} {shown(percent(some, base))}% and {shown(percent(many, base))}% of {base}"
        )
    bases = [(base_of(tables.items[code], wave)) for wave in item.counts for code in ("workbook", "modules")]
    return Disagreement(
        what="“Not applicable” in the items on use",
        says=(
            (
                "Findings 2a, use of MI",
                f"{_printed_shares('mi_use')}: N/A in the base, team managers said to be in",
            ),
            ("Findings 1a, workbook and modules", f"of {', '.join(map(str, bases))}: N/A out of the base"),
            ("Figures 2 and 3, captions", "n = 51 and 40 for all three items: N/A in"),
        ),
        arithmetic=f"The same answer is treated in two ways. With N/A out, MI is {'; '.join(words)}.",
    )


def _without_cases(tables: Appendix) -> Iterator[Disagreement]:
    """How many chose “N/A, I hold no cases” in two items of one survey with the same number of answers."""
    workbook, mi_use = tables.items["workbook"], tables.items["mi_use"]
    pairs = [
        (
            item.answers("interim", list(item.scale.not_applicable)),
            item.answers("follow_up", list(item.scale.not_applicable)),
        )
        for item in (workbook, mi_use)
    ]
    if pairs[0] != pairs[1]:
        managers = " and ".join(str(sum(one.rows["team_manager"])) for one in tables.respondents.values())
        yield Disagreement(
            what="How many respondents hold no cases",
            says=tuple(
                (f"{table_of(item)}, N/A", f"{first}, later {later}")
                for item, (first, later) in zip((workbook, mi_use), pairs, strict=True)
            ),
            arithmetic=(
                f"Both tables have {base_of(workbook, 'interim', 'answers')} and "
                f"{base_of(workbook, 'follow_up', 'answers')} answers and name the same reason. {managers} of those "
                "who answered the survey were team managers. Cannot tell what the others meant; the text calls the "
                "workbook’s base case holders."
            ),
        )


def _modules_or_none(tables: Appendix) -> Disagreement:
    item = tables.items["modules"]
    pairs = [
        (
            item.answers(w, [FEWER_THAN_HALF]),
            item.answers(w, [FEWER_THAN_HALF, NONE_OF_THEM]),
            base_of(item, w),
        )
        for w in item.counts
    ]
    return Disagreement(
        what="Modules used with less than half of cases",
        says=(
            (
                "Findings 1a, summary",
                "about two thirds of staff, later nearer one third: less than half of their cases",
            ),
            ("Findings 1a, intervention programme", "68%, later 38%: less than half, or none at all"),
        ),
        arithmetic=(
            "The summary drops “or none at all”. Less than half alone is "
            + " and ".join(f"{n} of {base} ({shown(percent(n, base))}%)" for n, _, base in pairs)
            + "; with none at all it is "
            + " and ".join(f"{n} of {base}" for _, n, base in pairs)
            + "."
        ),
    )


def _in_base(tables: Appendix, wave: str, base: str) -> int:
    return sum(sum(tables.respondents[wave].rows[role]) for role in tables.base_roles[base])


def _direct_work(tables: Appendix) -> Disagreement:
    item = tables.items["time_direct_work"]
    totals = " and ".join(str(counts.printed) for counts in item.counts.values())
    people = " and ".join(str(_in_base(tables, wave, "social_care")) for wave in item.counts)
    return Disagreement(
        what="Who was asked about time for direct work",
        says=(
            (f"{table_of(item)}, title", "SW, CP, AP"),
            (
                "Same table, note; Findings 1c, time",
                "social workers, children’s and senior practitioners; not the adult specialists",
            ),
        ),
        arithmetic=(
            "“AP” is not explained; one quotation is by an “advanced practitioner”, a role that the role "
            "table lacks. The "
            f"note’s roles have {people} respondents, so the totals {totals} are possible. They do not prove "
            "it."
        ),
    )


def _social_workers_and_students(tables: Appendix) -> Disagreement:
    item = tables.items["case_supervision"]
    rows = tables.respondents["follow_up"].rows
    n = sum(item.counts["follow_up"].by_role["social_worker"])
    return Disagreement(
        what="Supervision of social workers (follow-up)",
        says=(
            ("Findings 1a, clinical supervision", "92% of social workers"),
            (f"{table_of(item)}, row", "social workers and student social workers together"),
        ),
        arithmetic=(
            f"{n} answers from {sum(rows['social_worker'])} social workers and "
            f"{sum(rows['student_social_worker'])} "
            "student: cannot tell whether the student is among them."
        ),
    )


def _supervision_helpful(tables: Appendix) -> Disagreement:
    item = tables.items["supervision_helpful"]
    totals = " and ".join(str(counts.printed) for counts in item.counts.values())
    everybody = " and ".join(str(one.answered) for one in tables.waves.values())
    return Disagreement(
        what="Who found supervision helpful",
        says=(
            ("Findings 1c, preparation", "76% and 84% of respondents"),
            (f"{table_of(item)}, note", "practitioners who hold cases"),
        ),
        arithmetic=f"The shares are of {totals}; {everybody} answered the survey.",
    )


def _frontline(tables: Appendix) -> Disagreement:
    managers = " and ".join(str(sum(one.rows["team_manager"])) for one in tables.respondents.values())
    return Disagreement(
        what="Leadership’s support: frontline staff or all staff",
        says=(
            ("Findings 1c, leadership, the indicator", "70% of frontline staff"),
            (f"{table_of(tables.items['leadership_support'])}, note", "all respondents"),
        ),
        arithmetic=(
            f"The respondents include {managers} team managers. Without answers by role, the share of "
            "frontline staff "
            "cannot be told."
        ),
    )


def _time_for_the_model(tables: Appendix) -> Disagreement:
    item = tables.items["time_full_advantage"]
    totals = " and ".join(str(base_of(item, wave)) for wave in item.counts)
    managers = " and ".join(str(sum(one.rows["team_manager"])) for one in tables.respondents.values())
    return Disagreement(
        what="Time for the model: frontline staff or all staff",
        says=(
            ("Findings 1c, time, the indicator", "70% of frontline staff"),
            ("Findings 1c, time, the result", "32% and 30% of all respondents"),
            (f"{table_of(item)}, note", "none"),
        ),
        arithmetic=(
            f"The shares are of {totals}; {managers} team managers answered the survey. Without answers by role, the "
            "share of frontline staff cannot be told."
        ),
    )


def _support_without_training(tables: Appendix) -> Iterator[Disagreement]:
    support, useful = tables.items["support_frequency"], tables.items["training_useful"]
    n, attended = base_of(support, "follow_up"), base_of(useful, "follow_up")
    if n > attended:
        yield Disagreement(
            what="Support since the initial training (follow-up)",
            says=(
                (f"{table_of(support)}, total", f"{n}, all respondents"),
                (f"{table_of(useful)}, total", f"{attended}, all who attended it"),
            ),
            arithmetic=(
                f"At least {n - attended} spoke of the time since a training that they had not attended, or "
                "did not rate "
                "it. The share among those who attended cannot be told."
            ),
        )


def wrong_references() -> Iterator[Disagreement]:
    appendix_cited, work_cited = claims()["appendix_reference"], claims()["work_cited"]
    looked_after = claims()["looked_after_cited"]
    yield Disagreement(
        what="Where the details of open cases are",
        says=(
            (appendix_cited["place"], appendix_cited["printed"]),
            ("Contents", "Appendix A and Appendix B only"),
        ),
        arithmetic=f"{appendix_cited['meant']} is meant: it has them.",
    )
    yield Disagreement(
        what="A work cited",
        says=(
            (work_cited["place"], work_cited["printed"]),
            (
                "References",
                "2021c is on the social work workforce; 2021b, on that programme, is cited nowhere",
            ),
        ),
        arithmetic=f"{work_cited['meant']} is probably meant.",
    )
    yield Disagreement(
        what="Another work cited",
        says=(
            (looked_after["place"], looked_after["printed"]),
            (
                "References",
                "2020 is a page about the programme; 2021a holds statistics of children looked after",
            ),
        ),
        arithmetic=f"{looked_after['meant']} is probably meant.",
    )
