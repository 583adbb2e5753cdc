"""Write respondent-level files whose counts equal the published tables of the Cambridgeshire pilot.

    python -m findings.studies.cambridgeshire.write_responses OUT_DIR

Two files in the shape of a current Qualtrics CSV export (three header rows, answers as choice text), one per
wave. The counts are the report's; everything else is invented: which respondent gave which answers together,
the dates, the names (all "Invented"), the addresses (reserved for documentation) and the number of cases each
person holds (only its average per role is published). Nothing may be learnt from one item against another.

Who left a question blank is invented too, but not free: the printed totals fall from item to item, and one
order of leaving the survey per wave (`LEFT_EARLY`) fits every one of them.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from findings.studies.cambridgeshire.appendix import WAVES, Appendix, Item, appendix

SEED = "cambridgeshire-2021"
FILE_NAMES = {"interim": "interim.csv", "follow_up": "follow-up.csv"}
OPENED = {"interim": datetime(2020, 2, 24, 9, 0), "follow_up": datetime(2020, 9, 28, 9, 0)}

# Roles of the people who stopped answering, the one who stopped first coming first.
LEFT_EARLY = {
    "interim": ("social_worker", "social_worker", "childrens_practitioner", "senior_practitioner"),
    "follow_up": (
        "social_worker",
        "childrens_practitioner",
        "social_worker",
        "team_manager",
        "childrens_practitioner",
        "senior_practitioner",
    ),
}

METADATA = (
    ("StartDate", "Start Date", {"ImportId": "startDate", "timeZone": "Europe/London"}),
    ("EndDate", "End Date", {"ImportId": "endDate", "timeZone": "Europe/London"}),
    ("Status", "Response Type", {"ImportId": "status"}),
    ("IPAddress", "IP Address", {"ImportId": "ipAddress"}),
    ("Progress", "Progress", {"ImportId": "progress"}),
    ("Duration (in seconds)", "Duration (in seconds)", {"ImportId": "duration"}),
    ("Finished", "Finished", {"ImportId": "finished"}),
    ("RecordedDate", "Recorded Date", {"ImportId": "recordedDate", "timeZone": "Europe/London"}),
    ("ResponseId", "Response ID", {"ImportId": "_recordId"}),
    ("RecipientLastName", "Recipient Last Name", {"ImportId": "recipientLastName"}),
    ("RecipientFirstName", "Recipient First Name", {"ImportId": "recipientFirstName"}),
    ("RecipientEmail", "Recipient Email", {"ImportId": "recipientEmail"}),
    ("ExternalReference", "External Data Reference", {"ImportId": "externalDataReference"}),
    ("LocationLatitude", "Location Latitude", {"ImportId": "locationLatitude"}),
    ("LocationLongitude", "Location Longitude", {"ImportId": "locationLongitude"}),
    ("DistributionChannel", "Distribution Channel", {"ImportId": "distributionChannel"}),
    ("UserLanguage", "User Language", {"ImportId": "userLanguage"}),
)

# Question code -> (field name, import id): the same in both waves, though each wave asks its own set.
SINGLE = {
    "role": ("Q1", "QID1"),
    "contract": ("Q2", "QID2"),
    "district": ("Q3", "QID3"),
    "roles_in_team": ("Q4", "QID4"),
    "group_discussion": ("Q5", "QID5"),
    "case_supervision": ("Q6", "QID6"),
    "prior_training": ("Q7", "QID7"),
    "attended_training": ("Q8", "QID8"),
    "support_frequency": ("Q9", "QID9"),
    "support_received": ("Q10", "QID10"),
    "mi_use": ("Q11", "QID11"),
    "workbook": ("Q12", "QID12"),
    "modules": ("Q13", "QID13"),
    "caseload": ("Q14", "QID14_TEXT"),
}
AGREEMENT_STEM = "How far do you agree?"
AGREEMENT = (
    "training_useful",
    "mi_effective",
    "understanding",
    "confident_mi",
    "training_sufficient",
    "practice_improved",
    "supervision_helpful",
    "time_direct_work",
    "time_full_advantage",
    "leadership_support",
    "kept_informed",
    "introduction_managed",
    "job_satisfied",
    "job_stressed",
    "will_remain",
    "expect_outcomes",
    "manages_risk",
    "family_engagement",
    "improves_outcomes",
)
CONTRACTS = ("Agency", "Permanent")
ROLE_WORDING, CONTRACT_WORDING = "Your role", "Your contract"


@dataclass
class Person:
    """One invented respondent; `left` is their place in the order of leaving early, `None` for who stayed."""

    key: str
    role: str
    contract: str
    left: int | None = None
    answers: dict[str, str] = field(default_factory=dict)


def question_id(code: str) -> tuple[str, str]:
    """Field name and import id of a question."""
    if code in SINGLE:
        return SINGLE[code]
    place = AGREEMENT.index(code) + 1
    return f"Q20_{place}", f"QID20_{place}"


def people_of(wave: str) -> list[Person]:
    """All respondents of a wave with all their answers. Always the same for one `SEED`."""
    tables = appendix()
    people = _roster(tables, wave)
    for code, item in tables.items.items():
        if wave in item.counts and code != "training_useful":
            _deal_item(tables, wave, people, item)
    _deal_item(
        tables, wave, people, tables.items["training_useful"]
    )  # asked of those who attended: known by now
    for code in tables.multiple_choice:
        _deal_mentions(tables, wave, people, code)
    _deal_caseload(tables, wave, people)
    return people


def write(directory: Path) -> list[Path]:
    """Write both files into `directory` (made when missing); returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for wave in WAVES:
        path = directory / FILE_NAMES[wave]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(_rows(wave))
        written.append(path)
    return written


def _roster(tables: Appendix, wave: str) -> list[Person]:
    people: list[Person] = []
    for role, numbers in tables.respondents[wave].rows.items():
        for contract, n in zip(CONTRACTS, numbers, strict=True):
            for _ in range(n):
                people.append(Person(f"{wave}-{len(people) + 1:02}", role, contract))
    for place, role in enumerate(LEFT_EARLY[wave]):
        next(
            p for p in people if p.role == role and p.contract == "Permanent" and p.left is None
        ).left = place
    for person in people:
        person.answers = {"role": tables.roles[person.role], "contract": person.contract}
    return people


def _deal_item(tables: Appendix, wave: str, people: Sequence[Person], item: Item) -> None:
    counts = item.counts[wave]
    if counts.by_role:
        for row, numbers in counts.by_role.items():
            roles = counts.shared_rows.get(row, (row,))
            _deal(item, numbers, [p for p in people if p.role in roles])
    elif item.base == "attended_training":
        _deal(item, counts.rows, [p for p in people if p.answers.get("attended_training") == "Yes"])
    else:
        _deal(item, counts.rows, [p for p in people if p.role in tables.base_roles[item.base]])


def _deal(item: Item, numbers: Sequence[int], asked: Sequence[Person]) -> None:
    """Give each of `asked` one point of the scale, so that the points come out as `numbers`."""
    answering = _who_stayed(asked, sum(numbers))
    if (
        item.code == "attended_training"
    ):  # agency staff were not entitled to it, so they come last: among the No
        answering.sort(key=lambda p: (p.contract == "Agency", _draw(item.code, p)))
    else:  # team managers hold no cases, so they come last: "N/A" is the last point of its scales
        may_not_apply = bool(item.scale.not_applicable)
        answering.sort(key=lambda p: (may_not_apply and p.role == "team_manager", _draw(item.code, p)))
    dealt = [point for point, n in zip(item.scale.points, numbers, strict=True) for _ in range(n)]
    for person, point in zip(answering, dealt, strict=True):
        person.answers[item.code] = point


def _who_stayed(asked: Sequence[Person], n: int) -> list[Person]:
    """The `n` of `asked` who stayed longest. It is an error if somebody who never left would have to go."""
    order = sorted(asked, key=lambda p: (p.left is None, p.left or 0, p.key))
    gone, stayed = order[: len(order) - n], order[len(order) - n :]
    if len(stayed) != n or any(p.left is None for p in gone):
        raise ValueError(f"{n} answers do not fit {len(asked)} people asked")
    return stayed


def _deal_mentions(tables: Appendix, wave: str, people: Sequence[Person], code: str) -> None:
    choice = tables.multiple_choice[code]
    if wave not in choice.mentions:
        return
    mentions = choice.mentions[wave]
    asked = [p for p in people if p.role in tables.base_roles[choice.base]]
    if code == "support_received":  # an open question about support: put to those who had some
        asked = [p for p in asked if p.answers.get("support_frequency") not in (None, "Not at all")]
    answering = _who_stayed(asked, mentions.respondents or len(asked))
    answering.sort(key=lambda p: _draw(code, p))
    numbers = dict(zip(choice.choices, mentions.counts, strict=True))
    n_exclusive = numbers.pop(choice.exclusive, 0)
    ticked: dict[str, set[str]] = {p.key: set() for p in answering}
    for person in answering[:n_exclusive]:
        ticked[person.key].add(choice.exclusive)
    rest = answering[n_exclusive:]
    place = 0
    # Going round gives everybody a tick before anybody has a second one, and no choice twice to anybody.
    for label, n in sorted(numbers.items(), key=lambda pair: -pair[1]):
        for _ in range(n):
            ticked[rest[place % len(rest)].key].add(label)
            place += 1
    for person in answering:
        if ticked[person.key]:
            person.answers[code] = ",".join(label for label in choice.choices if label in ticked[person.key])


def _deal_caseload(tables: Appendix, wave: str, people: Sequence[Person]) -> None:
    """Numbers of cases around the printed average of each role, in pairs that cancel out."""
    for role, average in tables.caseload[wave].items():
        holders = [p for p in people if p.role == role and p.left not in (0, 1, 2)]
        for place, person in enumerate(sorted(holders, key=lambda p: _draw("caseload", p))):
            is_odd_one = place == len(holders) - 1 and len(holders) % 2 == 1
            step = 0 if is_odd_one else 1 + (place // 2) % 4
            person.answers["caseload"] = str(average + (step if place % 2 else -step))


def _draw(code: str, person: Person) -> str:
    """A fixed lot for one person and question: hashing keeps it the same on every Python."""
    return sha256(f"{SEED}|{code}|{person.key}".encode()).hexdigest()


def _rows(wave: str) -> Iterable[list[str]]:
    tables = appendix()
    codes = _codes(tables, wave)
    fields = [question_id(code) for code in codes]
    yield [name for name, _, _ in METADATA] + [name for name, _ in fields]
    yield [text for _, text, _ in METADATA] + [_wording(tables, code) for code in codes]
    yield [json.dumps(ids, separators=(",", ":")) for _, _, ids in METADATA] + [
        json.dumps({"ImportId": import_id}, separators=(",", ":")) for _, import_id in fields
    ]
    arrivals = sorted(people_of(wave), key=lambda p: _draw("arrival", p))
    for place, person in enumerate(arrivals):
        yield _metadata(wave, place, person) + [person.answers.get(code, "") for code in codes]


def _codes(tables: Appendix, wave: str) -> list[str]:
    asked: Mapping[str, object] = {
        **dict.fromkeys(("role", "contract", "caseload"), True),
        **{code: True for code, choice in tables.multiple_choice.items() if wave in choice.mentions},
        **{code: True for code, item in tables.items.items() if wave in item.counts},
    }
    return [code for code in (*SINGLE, *AGREEMENT) if code in asked]


def _wording(tables: Appendix, code: str) -> str:
    if code in AGREEMENT:
        return f"{AGREEMENT_STEM} - {tables.items[code].wording}"
    if code in tables.items:
        return tables.items[code].wording
    if code in tables.multiple_choice:
        return tables.multiple_choice[code].wording
    return {"role": ROLE_WORDING, "contract": CONTRACT_WORDING, "caseload": tables.caseload_wording}[code]


def _metadata(wave: str, place: int, person: Person) -> list[str]:
    number = place + 1
    seconds = 400 + int(_draw("seconds", person)[:6], 16) % 900
    started = OPENED[wave] + timedelta(hours=7 * place)
    ended = started + timedelta(seconds=seconds)
    wave_number = WAVES.index(wave) + 1
    return [
        f"{started:%Y-%m-%d %H:%M:%S}",
        f"{ended:%Y-%m-%d %H:%M:%S}",
        "IP Address",
        f"192.0.2.{number}",  # RFC 5737: for documentation only
        "100",
        str(seconds),
        "True",
        f"{ended:%Y-%m-%d %H:%M:%S}",
        f"R_invented{wave_number}{number:05}",
        "Invented",
        f"Respondent {number:02}",
        f"respondent{number:02}.wave{wave_number}@example.invalid",
        "",
        "0.0",
        "0.0",
        "email",
        "EN",
    ]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Say where to write: python -m findings.studies.cambridgeshire.write_responses OUT_DIR")
    for written_path in write(Path(sys.argv[1])):
        sys.stdout.write(f"{written_path}\n")
