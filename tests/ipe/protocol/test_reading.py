"""Every fault of a file is told at once, by line and field, in words."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from ipe.protocol.problems import ProtocolRefused
from ipe.protocol.reading import read_protocol
from tests.ipe.protocol.files import SMALL


def refused(text: str, **kwargs: object) -> list[str]:
    with pytest.raises(ProtocolRefused) as caught:
        read_protocol(text.encode(), **kwargs)
    return [str(problem) for problem in caught.value.problems]


def without(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new, 1)


def test_small_file_holds_up() -> None:
    protocol = read_protocol(SMALL.encode())
    assert protocol.design.evaluation.slug == "small"
    assert [question.code for question in protocol.design.research_questions or []] == ["1"]
    assert str((protocol.design.indicators or [])[0].thresholds[0].value) == "70.5"


def test_all_faults_are_told_with_line_and_field() -> None:
    bad = """\
evaluation:
  slug: t
  titel: x
  smallest_count_survey: "3"
  smallest_count_impact: 9
  zero_is_disclosive: yes
instrumnts: []
phases:
  - {code: pre, name: Pre, offset_months: -3}
  - {code: 3m, name: 3m, offset_months: -4}
  - {code: pre, name: Again}
sites:
  - code: a b
    name: A
waves:
  north: [1]
research_questions: {}
indicators:
  - code: i
    title: 12
    unit: percnt
    methods: [survey, interveiw]
    thresholds:
      - {phases: [], comparator: at_leest, value: x}
"""
    assert refused(bad) == [
        "Line 1, evaluation: “title” is missing.",
        "Line 3, evaluation › titel: There is no field “titel” here. Did you mean “title”?",
        "Line 4, evaluation › smallest_count_survey: should be a whole number.",
        "Line 5, evaluation › smallest_count_impact: should be 10 or more.",
        "Line 6, evaluation › zero_is_disclosive: should be true or false.",
        "Line 7, instrumnts: There is no section “instrumnts” here. The sections are: evaluation, "
        "research_questions, phases, sites, waves, context_events, indicators.",
        "Line 10, phases › “3m” › offset_months: “3m” stands after “pre” but is not later in months.",
        "Line 11, phases › “pre” › code: “pre” is given to two phases; each needs a code of its own.",
        "Line 13, sites › “a b” › code: should be letters, digits, hyphens, dots and underscores, beginning "
        "with a letter or digit.",
        "Line 16, waves › north: should be a group of fields, one to a line.",
        "Line 17, research_questions: should be a list: lines that begin with “- ”, or [a, b].",
        "Line 20, indicators › “i” › title: should be text; put it in quotes if it looks like a number or a "
        "date.",
        "Line 21, indicators › “i” › unit: “percnt” is not one of “percent”, “count”, “fte”, “rate”, "
        "“yes_no”, “text”. Did you mean “percent”?",
        "Line 22, indicators › “i” › methods › entry 2: “interveiw” is not one of “admin_data”, “survey”, "
        "“interview”, “focus_group”, “observation”, “document_review”. Did you mean “interview”?",
        "Line 24, indicators › “i” › thresholds › entry 1 › comparator: “at_leest” is not one of “at_least”, "
        "“at_most”, “yes”, “no”. Did you mean “at_least”?",
        "Line 24, indicators › “i” › thresholds › entry 1 › phases: should have at least one entry.",
        "Line 24, indicators › “i” › thresholds › entry 1 › value: should be a number.",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("parent: district", "parent: distrct", "no team “distrct”. Did you mean “district”?"),
        (
            "{code: district, name: District}",
            "{code: district, name: D, parent: t1}",
            "circle: t1 → district → t1",
        ),
        ("parent: district", "parent: t1", "circle: t1 → t1"),
        ("code: district", "code: t1", "“t1” is given to two teams of site “north”"),
        ("{code: 1a, text: Nested}", "{code: 1, text: Nested}", "“1” is given to two research questions"),
        ("code: south", "code: north", "“north” is given to two sites"),
        ("  north:\n    pre", "  nort:\n    pre", "no site “nort”. Did you mean “north”?"),
        ("    12m: not planned", "    13m: not planned", "no phase “13m”. Did you mean “12m”?"),
        ("not planned", "not planed", "“not planned”, “no dates yet”. Did you mean “not planned”?"),
        ("ends_on: 2024-01-31", "ends_on: 2023-01-31", "ends on 2023-01-31, before it starts on 2024-01-01"),
        (
            "pre: {starts_on: 2024-01-01, ends_on: 2024-01-31}",
            "pre: {starts_on: 2024-05-01}",
            "before the site's live",
        ),
        ("12m: not planned", "12m: {starts_on: 2024-03-01}", "after the site's live date (2024-04-01)"),
        ("12m: not planned", "12m: {starts_on: 2023-12-01}", "“12m” starts on 2023-12-01, before “pre” does"),
        ("12m: not planned", "12m: {ends_on: 2025-12-01}", "“starts_on” is missing"),
        ("site: north}", "site: norht}", "no site “norht”. Did you mean “north”?"),
        ("question: 1a", "question: 1b", "no research question “1b”. Did you mean “1”?"),
        ("phases: [pre, 12m]", "phases: [pre, 12n]", "no phase “12n”"),
        ("phases: [pre, 12m]", "phases: [pre]", "not measured in phase “12m”"),
        ("phases: [pre, 12m]", "phases: [pre, 12m, pre]", "“pre” is listed twice"),
        ("      - phases: [12m]", "      - phases: [12m, 12m]", "already a threshold for phase “12m”"),
        ("code: 1a-told", "code: 1a-training", "“1a-training” is given to two indicators"),
        ("value: 70.5", "value: 170", "170 is beyond what the indicator can be (0 to 100)"),
        ("value: 70.5", "value: -1", "should be 0 or more"),
        ("value: 70.5", "value: 7.12345", "more than 4 decimal places"),
        ("        value: 70.5\n", "", "“value” is missing"),
        ("comparator: at_least", "comparator: yes", "“yes” and “no” are for yes/no indicators"),
        ("value: 70.5", "value: 70.5\n        role_minimum: 80", "more than all together"),
        (
            "value: 70.5",
            "value: 70.5\n        scope: each_role\n        role_minimum: 8",
            "goes with an overall",
        ),
        ("value: 70.5", "value: 70.5\n        minimum_response_percent: 101", "should be 100 or less"),
        ("value: 70.5", "value: 70.5\n        minimum_base: 0", "should be 1 or more"),
        ("below: 70}", "below: 60}", "There is a gap: no band holds values from 60 to below 70."),
        ("below: 70}", "below: 75}", "overlap: both hold values from 70 to below 75"),
        ("{name: stop, below: 50}", "{name: go, below: 50}", "Two bands have the name “go”"),
        ("{name: stop, below: 50}", "{name: stop}", "says no values"),
        (
            "{name: stop, below: 50}",
            "{name: stop, below: 50, at_most: 50}",
            "give “below” or “at_most”, not both",
        ),
        ("{name: stop, below: 50}", "{name: stop, answer: no}", "“answer” is for yes/no indicators"),
        (
            "unit: text, phases: [12m]",
            "unit: text, phases: [12m], thresholds: [{phases: [12m], comparator: yes}]",
            "no threshold",
        ),
        ("title: A small study", "title:", "should be text"),
        ("title: A small study", 'title: "A\\nB"', "should be on one line"),
        ("title: A small study", 'title: "A\\0B"', "control character"),
        ("title: A small study", "title: ' '", "should not be empty"),
        ("code: north", 'code: "north\\n"', "should be letters"),
        ("slug: small", "slug: sm all", "should be letters"),
        ("slug: small", f"slug: {'x' * 61}", "longer than 60 characters"),
        ("research_questions:", "sites_: []\nresearch_questions:", "Did you mean “sites”?"),
        (
            "context_events:\n  - {happened_on: 2024-02-01, title: Inspection, site: north}",
            "context_events:",
            "section is empty",
        ),
        ("title: Inspection", "title: Inspection, kindd: x", "Did you mean “kind”?"),
        ("happened_on: 2024-02-01", "happened_on: soon", "should be a day, written as 2026-11-21"),
    ],
)
def test_each_contradiction_is_refused_in_words(old: str, new: str, told: str) -> None:
    found = refused(without(old, new))
    assert told in " | ".join(found)
    assert all(one.startswith("Line ") for one in found)


def test_yes_no_indicator() -> None:
    def with_threshold(threshold: str) -> str:
        return without(
            "{code: 1a-told, title: Told, unit: text, phases: [12m]}",
            f"{{code: 1a-told, title: Told, unit: yes_no, phases: [12m], thresholds: [{threshold}]}}",
        )

    good = "{phases: [12m], comparator: yes, bands: [{name: go, answer: yes}, {name: stop, answer: no}]}"
    read_protocol(with_threshold(good).encode())
    for threshold, told in (
        ("{phases: [12m], comparator: at_least, value: 1}", "is compared with “yes” or “no”"),
        ("{phases: [12m], comparator: yes, value: 1}", "A yes/no indicator has no “value”"),
        (
            "{phases: [12m], comparator: yes, bands: [{name: go, answer: yes}]}",
            "no band holds the answer “no”",
        ),
        ("{phases: [12m], comparator: yes, bands: [{name: go, at_least: 1}]}", "names its answer"),
    ):
        assert told in " ".join(refused(with_threshold(threshold)))


def test_missing_evaluation_is_told_of_the_file() -> None:
    assert refused("phases: []\n") == [
        "The file: “evaluation” is missing; it names the study that the file describes."
    ]


def test_a_section_that_failed_blames_nobody_else() -> None:
    found = refused(without("{code: pre, name: Before, offset_months: -3}", "{code: pre, nam: Before}"))
    assert [one.split(":")[0] for one in found] == [
        "Line 10, phases › “pre”",
        "Line 10, phases › “pre” › nam",
    ]


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: str
    points: int | list[int] = 3


def test_sections_of_rooms_are_checked_by_their_own_model() -> None:
    rooms = {"instruments": dict[str, list[Item]]}
    text = SMALL + "instruments:\n  staff:\n    - {code: q1, points: [1, x]}\n    - {cod: q2}\n"
    assert "There is no section “instruments”" in refused(text)[0]
    found = refused(text, rooms=rooms)
    assert any(one.startswith("Line 43, instruments › staff › “q1” › points") for one in found)
    assert "Line 44, instruments › staff › entry 2: “code” is missing." in found
    assert (
        "Line 44, instruments › staff › entry 2 › cod: There is no field “cod” here. Did you mean “code”?"
        in found
    )
    good = read_protocol(text.replace("x]", "2]").replace("cod:", "code:").encode(), rooms=rooms)
    assert good.rooms["instruments"]["staff"][0].points == [1, 2]


def test_sections_left_out_are_taken_from_the_study() -> None:
    whole = read_protocol(SMALL.encode()).design
    part = "evaluation: {slug: small, title: T}\n"
    part += "context_events:\n  - {happened_on: 2024-02-01, title: X, site: north}\n"
    assert "no site “north”" in refused(part)[0]
    protocol = read_protocol(part.encode(), known=lambda slug: whole if slug == "small" else None)
    assert protocol.design.sites is None
