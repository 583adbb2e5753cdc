"""The published survey of the Cambridgeshire pilot: its tables, the files made from them, its percentages."""

from __future__ import annotations

import csv
import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from findings.studies.cambridgeshire import write_responses
from findings.studies.cambridgeshire.appendix import WAVES, appendix

AGREE = ("Strongly agree", "Agree")
MONTHLY = ("Once a week", "Every fortnight", "Every two or three weeks", "Once a month")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[str]]]:
    """Both files as the csv module reads them, heading rows included."""
    written = write_responses.write(tmp_path_factory.mktemp("responses"))
    rows = {}
    for wave, path in zip(WAVES, written, strict=True):
        with path.open(encoding="utf-8", newline="") as file:
            rows[wave] = list(csv.reader(file))
    return rows


def column(rows: list[list[str]], code: str) -> list[str]:
    field, import_id = write_responses.question_id(code)
    at = rows[0].index(field)
    assert json.loads(rows[2][at]) == {"ImportId": import_id}
    return [row[at] for row in rows[3:]]


def share(
    rows: list[list[str]], code: str, counted: tuple[str, ...], *, asked: tuple[str, str] | None = None
) -> tuple[int, int]:
    """Counted answers and base; blank and N/A are out; `asked` keeps who gave that answer there."""
    answers = column(rows, code)
    if asked is not None:
        answers = [a for a, given in zip(answers, column(rows, asked[0]), strict=True) if given == asked[1]]
    base = [answer for answer in answers if answer not in ("", "N/A")]
    return sum(answer in counted for answer in base), len(base)


def rounded(numerator: int, base: int) -> int:
    """Half goes up, as the report rounds where it rounds."""
    return int(Fraction(100 * numerator, base) + Fraction(1, 2))


PUBLISHED = [
    # code, counted, base: who was asked, (count, base, percent) at interim and at follow-up
    ("training_useful", AGREE, ("attended_training", "Yes"), (42, 50, 84), (32, 34, 94)),
    ("practice_improved", AGREE, None, (18, 52, 35), (18, 40, 45)),
    ("leadership_support", AGREE, None, (24, 50, 48), (26, 39, 67)),
    ("kept_informed", AGREE, None, (35, 50, 70), (29, 39, 74)),
    ("workbook", ("All of my cases",), None, (34, 44, 77), (21, 31, 68)),
    ("group_discussion", MONTHLY, None, (21, 38, 55), (24, 31, 77)),
    ("attended_training", ("Yes",), None, (50, 52, 96), (34, 40, 85)),
    ("time_direct_work", AGREE, None, (20, 42, 48), (10, 25, 40)),
]


@pytest.mark.parametrize(
    ("code", "counted", "asked", "interim", "follow_up"), PUBLISHED, ids=lambda v: str(v)[:20]
)
def test_published_percentages(files, code, counted, asked, interim, follow_up):
    for wave, (numerator, base, percent) in (("interim", interim), ("follow_up", follow_up)):
        assert share(files[wave], code, counted, asked=asked) == (numerator, base)
        assert rounded(numerator, base) == percent


def test_kept_informed_at_interim_is_exactly_seventy(files):
    numerator, base = share(files["interim"], "kept_informed", AGREE)
    assert Fraction(100 * numerator, base) == 70


@pytest.mark.parametrize(
    ("wave", "answered", "eligible", "percent"), [("interim", 54, 78, 69), ("follow_up", 43, 89, 48)]
)
def test_response(files, wave, answered, eligible, percent):
    assert len(files[wave]) - 3 == answered == appendix().waves[wave].answered
    assert appendix().waves[wave].eligible == eligible
    assert rounded(answered, eligible) == percent


@pytest.mark.parametrize("wave", WAVES)
def test_counts_equal_every_row_of_every_table(files, wave):
    tables = appendix()
    n_tables = 0
    for code, item in tables.items.items():
        if wave in item.counts:
            given = Counter(column(files[wave], code))
            assert tuple(given[point] for point in item.scale.points) == item.counts[wave].rows, code
            n_tables += 1
    assert n_tables == {"interim": 23, "follow_up": 26}[wave]


@pytest.mark.parametrize("wave", WAVES)
@pytest.mark.parametrize("code", ["group_discussion", "case_supervision"])
def test_counts_equal_the_tables_by_role(files, wave, code):
    tables = appendix()
    item = tables.items[code]
    given = Counter(zip(column(files[wave], "role"), column(files[wave], code), strict=True))
    for row, numbers in item.counts[wave].by_role.items():
        roles = [tables.roles[role] for role in item.counts[wave].shared_rows.get(row, (row,))]
        assert tuple(sum(given[role, point] for role in roles) for point in item.scale.points) == numbers


@pytest.mark.parametrize("wave", WAVES)
def test_respondents_by_role_and_contract(files, wave):
    tables = appendix()
    given = Counter(zip(column(files[wave], "role"), column(files[wave], "contract"), strict=True))
    for role, numbers in tables.respondents[wave].rows.items():
        assert (given[tables.roles[role], "Agency"], given[tables.roles[role], "Permanent"]) == numbers
    assert tables.respondents[wave].printed_total == sum(given.values())


@pytest.mark.parametrize("wave", WAVES)
def test_mentions_equal_the_tables(files, wave):
    for code, choice in appendix().multiple_choice.items():
        if wave not in choice.mentions:
            continue
        mentions = choice.mentions[wave]
        answers = [answer.split(",") for answer in column(files[wave], code) if answer]
        given = Counter(label for ticked in answers for label in ticked)
        assert tuple(given[label] for label in choice.choices) == mentions.counts
        assert mentions.respondents in (None, len(answers))
        assert not any(choice.exclusive in ticked and len(ticked) > 1 for ticked in answers)


@pytest.mark.parametrize("wave", WAVES)
def test_average_caseload_by_role(files, wave):
    tables = appendix()
    held: dict[str, list[int]] = {}
    for role, number in zip(column(files[wave], "role"), column(files[wave], "caseload"), strict=True):
        if number:
            held.setdefault(role, []).append(int(number))
    assert {role: Fraction(sum(n), len(n)) for role, n in held.items()} == {
        tables.roles[role]: average for role, average in tables.caseload[wave].items()
    }


@pytest.mark.parametrize("wave", WAVES)
def test_shape_of_the_export(files, wave):
    rows = files[wave]
    assert rows[0][:17] == [
        "StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished",
        "RecordedDate", "ResponseId", "RecipientLastName", "RecipientFirstName", "RecipientEmail",
        "ExternalReference", "LocationLatitude", "LocationLongitude", "DistributionChannel", "UserLanguage",
    ]  # fmt: skip
    assert {len(row) for row in rows} == {len(rows[0])}
    identities = [json.loads(cell)["ImportId"] for cell in rows[2]]
    assert len(set(identities)) == len(identities)
    assert len({row[8] for row in rows[3:]}) == len(rows) - 3
    assert all(row[3].startswith("192.0.2.") and row[11].endswith("@example.invalid") for row in rows[3:])


def test_files_are_the_same_every_time(tmp_path: Path):
    first = [path.read_bytes() for path in write_responses.write(tmp_path / "a")]
    again = [path.read_bytes() for path in write_responses.write(tmp_path / "b")]
    assert first == again


def test_a_count_that_fits_no_order_of_leaving_is_refused():
    people = write_responses.people_of("interim")
    with pytest.raises(ValueError, match="do not fit"):
        write_responses._who_stayed(people, len(people) - len(write_responses.LEFT_EARLY["interim"]) - 1)


STUDIES = Path(write_responses.__file__).resolve().parents[1]


def test_the_protocol_words_items_and_scales_as_the_tables_do():
    """Scales run lowest first in a protocol, and as printed in the tables."""
    tables = appendix()
    protocol = yaml.safe_load(
        (STUDIES / "cambridgeshire-pilot" / "protocol.yaml").read_text(encoding="utf-8")
    )
    survey = next(one for one in protocol["instruments"] if one["name"] == "staff-survey")
    wordings = {item["code"]: item["wording"] for item in survey["items"]}
    scales = {
        scale["code"]: [p["label"] for p in scale["points"] if "kind" not in p] for scale in survey["scales"]
    }
    used = {item["code"]: scales.get(item.get("scale")) for item in survey["items"]}
    assert survey["roles"] == list(tables.roles.values())
    for code, item in tables.items.items():
        assert wordings[code] == item.wording
        assert used[code] == [p for p in item.scale.points if p not in item.scale.not_applicable][::-1]
    for code, choice in tables.multiple_choice.items():
        if code != "district":  # the respondent's teams
            assert (wordings[code], used[code]) == (choice.wording, list(choice.choices))


@pytest.mark.parametrize(
    ("wave", "name"), [("interim", "mapping-interim"), ("follow_up", "mapping-follow-up")]
)
def test_the_mapping_names_every_question_of_the_file(files, wave, name):
    document = yaml.safe_load((STUDIES / "cambridgeshire" / f"{name}.yaml").read_text(encoding="utf-8"))
    respondent = document["respondent"]
    named = {code: part["import_id"] for code, part in document["items"].items()}
    named |= {"role": respondent["role"]["import_id"], "district": respondent["teams"]["import_id"]}
    questions = [json.loads(cell)["ImportId"] for cell in files[wave][2][len(write_responses.METADATA) :]]
    assert sorted(named.values()) == sorted(questions)
    assert named == {code: write_responses.question_id(code)[1] for code in named}
