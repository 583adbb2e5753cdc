"""Loads the demo study through the acts that people use: nothing in it could not have been done by hand."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from coding.acts import applying, charting, codebook, matrices
from coding.models import Code
from consent import recruiting, signing
from consent.models import Participant
from fieldwork import booking
from fieldwork.models import Activity
from findings.demo.people import ACCOUNTS, FIELDWORK, LEAD, PASSWORD, PEOPLE, RESEARCHER, Person
from findings.studies.cambridgeshire import write_responses
from ipe import audit, jobs, roles
from ipe.errors import Invalid
from ipe.models import Evaluation, Member, User, Wave
from ipe.protocol.study import import_protocol
from ipe.words import Method
from surveys import intake, mapping, returns
from surveys.models import Instrument
from transcripts import clearing, naming, review, sealing
from transcripts import intake as documents
from transcripts.models import SEVERAL, Document, Entity, Replacement, ReplacementStatus, Speaker, SpeakerRole

HERE = Path(__file__).parent
STUDIES = HERE.parent / "studies"
SLUG = "demo"
Say = Callable[[str], None]


def accounts() -> dict[str, User]:
    """The demo accounts by e-mail address, made where they are missing."""
    password = make_password(PASSWORD)
    made = {}
    for account in ACCOUNTS:
        made[account.email], _ = User.objects.get_or_create(
            email=account.email,
            defaults={
                "name": account.name,
                "password": password,
                "is_demo": True,
                "may_create_studies": account.may_create_studies,
            },
        )
    return made


def join(study: Evaluation, users: Mapping[str, User]) -> None:
    """Give every demo account its roles in a study."""
    for account in ACCOUNTS:
        if not study.sites.filter(code__in=account.sites).exists() and account.sites:
            continue
        for role in account.roles:
            member, _ = Member.objects.get_or_create(
                evaluation=study,
                user=users[account.email],
                role=role,
                defaults={"all_sites": not account.sites},
            )
            member.sites.set(study.sites.filter(code__in=account.sites))


def people(study: Evaluation, by: User) -> dict[str, Participant]:
    """Everybody who takes part, with membership, state of recruitment and consent; by name."""
    return {person.name: _person(study, person, by) for person in PEOPLE}


def _person(study: Evaluation, person: Person, by: User) -> Participant:
    site = study.sites.get(code=person.site)
    details = {
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "safe_note": person.safe_note,
    }
    if person.kind == "staff" and not person.email:
        details["email"] = person.name.lower().replace(" ", ".") + "@staff.example"
    waves = site.waves.filter(phase__code__in=person.phases).order_by("phase__order")
    membership: dict[str, Any] = {
        "group": person.group,
        "role_title": person.role_title,
        "teams": site.teams.filter(code__in=person.teams),
    }
    row = recruiting.add_person(
        study,
        site=site,
        kind=person.kind,
        details={name: value for name, value in details.items() if value},
        by=by,
        recruitment="approached",
        wave=waves[0],
        **membership,
    )
    for wave in waves[1:]:
        recruiting.set_membership(row, wave=wave, by=by, **membership)
    steps = ["agreed_to_contact", "informed"]
    if person.recruitment == "declined":
        return recruiting.move_recruitment(row, to="declined", by=by)
    if person.recruitment != "approached":
        wanted = steps[: steps.index(person.recruitment) + 1] if person.recruitment in steps else steps
        for step in wanted:
            row = recruiting.move_recruitment(row, to=step, by=by)
    if person.answers is not None:
        version = signing.forms_for(row)[0]
        asked = {item.code for item in version.items.all()}
        answers = dict.fromkeys(person.answers, "yes") | dict.fromkeys(person.said_no, "no")
        signing.record_consent(
            row,
            version=version,
            answers={item: answer for item, answer in answers.items() if item in asked},
            mode="paper",
            taken_where="home" if person.kind == "family" else "workplace",
            taken_at=timezone.now() - dt.timedelta(days=person.signed_days_ago),
            phases=study.phases.filter(code__in=person.phases),
            by=by,
        )
    row.refresh_from_db()
    return row


def _at(days: int, hour: int) -> dt.datetime:
    day = timezone.localtime() + dt.timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


# Document code -> method, group, place and who took part; days are counted from the day of loading.
HELD: dict[str, tuple[str, str, str, tuple[str, ...], int]] = {
    "D-01": (Method.INTERVIEW, "managers", "workplace", ("Marion Oakes",), -33),
    "D-02": (Method.INTERVIEW, "practitioners", "workplace", ("Colin Farrow",), -32),
    "D-03": (Method.INTERVIEW, "specialist_adult_practitioners", "workplace", ("Tobias Brandt",), -30),
    "D-04": (Method.INTERVIEW, "parents", "home", ("Kelly-Anne Pryce",), -27),
    "FG-01": (
        Method.FOCUS_GROUP,
        "practitioners",
        "workplace",
        ("Shabnam Akhtar", "Lewis Tan", "Bernadette Coyle", "Ewan Muir", "Jo Whitcombe"),
        -20,
    ),
}
# Leaders before the start and now: of the first two no transcript has come yet.
LEADERS = (("Ruth Penhallow", "pre", -500), ("Nerys Vaughan", "pre", -330), ("Ruth Penhallow", "12m", 4))


def activities(
    study: Evaluation, persons: Mapping[str, Participant], users: Mapping[str, User]
) -> dict[str, Activity]:
    """The interviews that were held and those that are booked."""
    by, researcher = users[FIELDWORK], users[RESEARCHER]
    wave = Wave.objects.get(site__evaluation=study, site__code="MER", phase__code="12m")
    made = {}
    for code, (method, group, place, names, days) in HELD.items():
        plan = study.plan_rows.filter(method=method, group=group).first()
        activity = booking.book(
            wave,
            method=method,
            group=group,
            starts_at=_at(days, 10),
            ends_at=_at(days, 11),
            place_kind=place,
            participants=[persons[name] for name in names],
            researchers=[researcher],
            by=by,
            plan_row=plan,
        )
        made[code] = booking.mark_done(activity, attended=[persons[name] for name in names], by=by)
    for name, phase, days in LEADERS:
        leader = persons[name]
        wave = leader.site.waves.get(phase__code=phase)
        activity = booking.book(
            wave,
            method=Method.INTERVIEW,
            group="leaders",
            starts_at=_at(days, 14),
            ends_at=_at(days, 15),
            place_kind="online",
            participants=[leader],
            researchers=[researcher],
            by=by,
            plan_row=study.plan_rows.filter(method=Method.INTERVIEW, group="leaders").first(),
        )
        if days < 0:
            booking.mark_done(activity, attended=[leader], by=by)
    return made


# What the suggestions get wrong in these texts, and what they miss: decided here as a reviewer would.
KEPT = {
    "don",
    "june",
    "april",
    "august",
    "police",
    "officer",
    "fridays",
    "tuesdays",
    "thursdays",
    "duty",
    "assessment",
    "adolescent",
    "adolescents",
    "anchor",
    "anybody",
    "dads",
    "in the papers",
    "anchor team",
}
MEANT = {
    "harbour house": ("place", "Office"),
    "corn exchange": ("place", "Venue"),
    "north quay anchor": ("team", "Team"),
    "north quay": ("team", "Team"),
    "south quay": ("team", "Team"),
    "saint brannock": ("school", "School"),
    "bremen": ("place", "City"),
    "germany": ("place", "Country"),
}
MISSED: tuple[tuple[str, str, str], ...] = (
    ("North Quay", "team", ""),
    ("South Quay", "team", ""),
    ("Harbour House", "place", "Office"),
    ("Corn Exchange", "place", "Venue"),
    ("Saint Brannock's", "school", ""),
    ("Bremen", "place", "City abroad"),
    ("Lola-Mae", "person", ""),
)


def transcripts(
    study: Evaluation,
    held: Mapping[str, Activity],
    persons: Mapping[str, Participant],
    by: User,
) -> dict[str, Document]:
    """Every transcript brought in, its identifiers decided one by one, and cleared for coding."""
    made = {}
    for code, activity in held.items():
        names = HELD[code][3]
        path = next((HERE / "transcripts").glob(f"{code}*.txt"))
        document = documents.import_document(
            study,
            wave=activity.wave,
            kind=activity.method,
            title=f"{code} transcript",
            file_name=path.name,
            data=path.read_bytes(),
            by=by,
            activity=activity,
            participant=persons[names[0]] if len(names) == 1 else None,
        )
        _speakers(document, {name.split()[0]: persons[name] for name in names}, by)
        documents.confirm_turns(document, by=by)
        _decide(document, by)
        document.refresh_from_db()
        clearing.clear(document, revision=document.revision, by=by)
        document.refresh_from_db()
        made[code] = document
    return made


def _speakers(document: Document, persons: Mapping[str, Participant], by: User) -> None:
    rows = list(Speaker.objects.filter(document=document).select_related("document"))
    labels = sealing.labels_of(document, rows)
    choices = []
    for row in rows:
        person = persons.get(labels[row.pk].split()[0])
        role = SpeakerRole.PARTICIPANT if person else SpeakerRole.INTERVIEWER
        choices.append(documents.SpeakerChoice(row.pk, role=role, participant=person.pk if person else None))
    documents.set_speakers(document, choices, by=by)


def _decide(document: Document, by: User) -> None:
    original = sealing.text_of(sealing.original_of(document))
    for row in Replacement.objects.filter(document=document).order_by("start"):
        surface = original[row.start : row.end]
        row.refresh_from_db()
        if row.status != ReplacementStatus.SUGGESTED:
            continue
        if surface.lower() in KEPT or row.category == "age" or surface.startswith("Will "):
            review.reject(row, by=by)
        elif surface.lower() in MEANT:
            category, word = MEANT[surface.lower()]
            review.accept(row, category=category, word=word, everywhere=True, by=by)
        else:
            review.accept(row, entity=_chosen(document, row, surface), by=by)
    for words, category, word in MISSED:
        with contextlib.suppress(Invalid):  # not every text names every place
            review.add_words(document, words=words, category=category, word=word, by=by)
    if "Will Denise" in original:
        review.add_words(document, words="Denise", category="person", by=by)


def _chosen(document: Document, row: Replacement, surface: str) -> Entity | None:
    """Who is meant where several are called so: the first whom the page would offer."""
    if row.found_by != SEVERAL:
        return None
    return next(iter(naming.candidates(document, row.category, surface)), None)


def coded(study: Evaluation, texts: Mapping[str, Document], by: User) -> None:
    """The codebook, the passages that are coded, and one matrix partly charted."""
    plan = yaml.safe_load((HERE / "coding.yaml").read_text())
    codes: dict[str, Code] = {}
    for theme in plan["codebook"]:
        top = codebook.add_code(
            study, name=theme["name"], definition=theme["definition"], is_codable=False, by=by
        )
        codes[theme["name"]] = top
        for row in theme["codes"]:
            codes[row["name"]] = codebook.add_code(
                study, name=row["name"], definition=row["definition"], parent=top, by=by
            )
    for code, passages in plan["passages"].items():
        version = texts[code].versions.current().get()
        for passage in passages:
            start, end = _span(version.text, passage["from"], passage["to"])
            for name in passage["codes"]:
                applying.apply_code(version.pk, start=start, end=end, code_id=codes[name].pk, by=by)
    _chart(study, plan["matrix"], codes, texts, by)


def _span(text: str, first: str, last: str) -> tuple[int, int]:
    """Where a passage stands in a cleared text.

    Raises
        LookupError: Its words are not there, or stand there more than once.
    """
    if text.count(first) != 1:
        raise LookupError(f"“{first}” stands {text.count(first)} times in the text")
    start = text.index(first)
    end = text.find(last, start)
    if end < 0:
        raise LookupError(f"“{last}” does not follow “{first}”")
    return start, end + len(last)


def _chart(
    study: Evaluation,
    plan: Mapping[str, Any],
    codes: Mapping[str, Code],
    texts: Mapping[str, Document],
    by: User,
) -> None:
    matrix = matrices.create_matrix(codes[plan["theme"]], by=by)
    columns = {column.subtheme_id: column for column in matrix.columns.all()}
    cases = {
        code: matrices.add_case(
            study,
            by=by,
            participant=document.participant,
            document=None if document.participant else document,
        )
        for code, document in texts.items()
    }
    for cell in plan["cells"]:
        document, column = texts[cell["case"]], columns[codes[cell["code"]].pk]
        version = document.versions.current().get()
        runs = []
        for run in cell["runs"]:
            stored = {name: run[name] for name in ("kind", "text") if name in run}
            if "quote" in run and run["kind"] == "verbatim":
                start, end = _span(version.text, run["text"], run["text"])
                link = charting.link_quote(
                    cases[cell["case"]], column, by=by, version_id=version.pk, start=start, end=end
                )
                stored = {"kind": "verbatim", "quote": str(link.pk)}
            runs.append(stored)
        charting.save_cell(
            cases[cell["case"]], column, runs=runs, state=cell["state"], expected_version=0, by=by
        )


# Share of each answer per item in the two survey waves of the demo: never, or strongly disagree, first.
AGREE = ("Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree")
OFTEN = ("Never", "Less than monthly", "Monthly", "More than monthly")
ROLES = (
    "Social worker",
    "Social worker",
    "Social worker",
    "Family support worker",
    "Adult practitioner",
    "Manager",
)
COMMENTS = (
    "The training was the best part. Please repeat it for people who joined later.",
    "I record everything twice.",
    "Group supervision is what keeps me here.",
)
SURVEYS: dict[str, dict[str, Any]] = {
    "3m": {
        "n": 46,
        "eligible": 71,
        "attended": 0.8,
        "useful": (1, 3, 6, 18, 18),
        "supervision": (4, 12, 20, 10),
        "time": (8, 14, 9, 11, 4),
        "leaders": (3, 6, 9, 20, 8),
        "stay": (2, 4, 6, 20, 14),
    },
    "12m": {
        "n": 38,
        "eligible": 74,
        "attended": 0.95,
        "useful": (0, 1, 3, 16, 18),
        "supervision": (1, 5, 18, 14),
        "time": (7, 12, 6, 9, 4),
        "leaders": (1, 4, 5, 18, 10),
        "stay": (2, 3, 6, 17, 10),
    },
}


def survey_file(phase: str) -> bytes:
    """A wave's answers as a CSV file with one heading row, the same bytes every time."""
    wave = SURVEYS[phase]
    chance = random.Random(f"demo {phase}")  # noqa: S311 - invented answers, not secrets
    columns: dict[str, list[str]] = {}
    for item in ("useful", "supervision", "time", "leaders", "stay"):
        labels = OFTEN if item == "supervision" else AGREE
        answers = [label for label, n in zip(labels, wave[item], strict=True) for _ in range(n)]
        chance.shuffle(answers)
        columns[item] = answers
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(["Respondent", "Role", "Attended", *columns, "Comment"])
    for n in range(wave["n"]):
        attended = "Yes" if n < wave["n"] * wave["attended"] else "No"
        comment = COMMENTS[n // 12] if n % 12 == 3 and n // 12 < len(COMMENTS) else ""
        answers = [columns[item][n] for item in columns]
        writer.writerow([f"R{phase}-{n + 1:03}", ROLES[n % len(ROLES)], attended, *answers, comment])
    return target.getvalue().encode()


def surveyed(study: Evaluation, by: User) -> None:
    """Two waves of the staff survey at one site, taken in through a saved mapping."""
    instrument = Instrument.objects.get(evaluation=study, name="staff-survey")
    saved = intake.save_mapping(
        instrument, part=mapping.load((HERE / "survey-mapping.yaml").read_bytes()), by=by
    )
    for phase, figures in SURVEYS.items():
        wave = Wave.objects.get(site__evaluation=study, site__code="MER", phase__code=phase)
        row = intake.open_intake(
            instrument,
            wave=wave,
            file_name=f"staff-survey-{phase}.csv",
            data=survey_file(phase),
            by=by,
            eligible=figures["eligible"],
            eligible_source="Staff list of the site",
        )
        row = intake.choose_mapping(row, mapping=saved, by=by)
        intake.confirm(row, by=by)
    jobs.load_tasks()
    jobs.run_waiting()


def published_survey(by: User) -> None:
    """Both waves of the Cambridgeshire pilot's staff survey, written from the report's own tables."""
    study = Evaluation.objects.get(slug="cambridgeshire-pilot")
    instrument = Instrument.objects.get(evaluation=study, name="staff-survey")
    folder = Path(write_responses.__file__).parent
    with tempfile.TemporaryDirectory() as target:
        files = write_responses.write(Path(target))
        for path, phase, eligible in zip(files, ("interim", "follow-up"), (78, 89), strict=True):
            part = mapping.load((folder / f"mapping-{phase}.yaml").read_bytes())
            row = intake.open_intake(
                instrument,
                wave=Wave.objects.get(site__evaluation=study, site__code="cambridgeshire", phase__code=phase),
                file_name=path.name,
                data=path.read_bytes(),
                by=by,
                eligible=eligible,
                eligible_source="Published report",
            )
            row = intake.choose_mapping(row, mapping=intake.save_mapping(instrument, part=part, by=by), by=by)
            intake.confirm(row, by=by)
    jobs.run_waiting()


@dataclass(frozen=True)
class Staffing:
    """What a site returns for a wave. The model's own figures are asked for from three months on."""

    site: str
    phase: str
    vacant: int
    posts: int
    caseload: str
    fte: tuple[str, ...] = ()  # by role, in the order of SPECIALISTS


SPECIALISTS = ("Domestic abuse", "Substance misuse", "Mental health", "Probation")
RETURNED = (
    Staffing("MER", "pre", 6, 24, "21.3"),
    Staffing("MER", "3m", 5, 24, "19.4", ("0.5", "0", "0.25", "0")),
    Staffing("MER", "12m", 4, 25, "17.8", ("1", "1", "0.25", "0")),
    Staffing("ELL", "pre", 2, 18, "16.5"),
    Staffing("ELL", "3m", 3, 18, "16.9", ("0.5", "0.5", "0.5", "0.5")),
)


def returned(study: Evaluation, by: User) -> None:
    """Staffing returns of two sites. The third has still to send its first, so that something is overdue."""
    given = returns.FigureGiven
    for row in RETURNED:
        figures = [
            given("vacancy-rate", numerator=Decimal(row.vacant), base=Decimal(row.posts)),
            given("caseload", value=Decimal(row.caseload)),
        ]
        if row.fte:
            figures.append(given("separate-adolescent", is_yes=True))
            figures += [
                given("adult-fte", role=role, value=Decimal(value))
                for role, value in zip(SPECIALISTS, row.fte, strict=True)
            ]
        wave = Wave.objects.get(site__evaluation=study, site__code=row.site, phase__code=row.phase)
        returns.record_return(wave, figures=figures, source="Quarterly workforce return", by=by)


def load(say: Say = print) -> bool:
    """Everything, when the demo study is not there yet; False when it is. All or nothing."""
    if Evaluation.objects.filter(slug=SLUG).exists():
        return False
    with transaction.atomic():
        users = accounts()
        for folder in (HERE, STUDIES / "family-safeguarding-trial", STUDIES / "cambridgeshire-pilot"):
            data = (folder / "protocol.yaml").read_bytes()
            report = import_protocol(data, by=None, filename=f"{folder.name}/protocol.yaml")
            Evaluation.objects.filter(pk=report.evaluation.pk).update(is_demo=True)
            join(report.evaluation, users)
            say(f"Loaded the protocol of {report.evaluation.title}.")
        for user in users.values():
            roles.forget(user)
        study = Evaluation.objects.get(slug=SLUG)
        persons = people(study, users[FIELDWORK])
        held = activities(study, persons, users)
        say(f"Added {len(persons)} participants and {len(held)} activities.")
        texts = transcripts(study, held, persons, users[RESEARCHER])
        say(f"Cleared {len(texts)} transcripts.")
        coded(study, texts, users[RESEARCHER])
        surveyed(study, users[FIELDWORK])
        returned(study, users[FIELDWORK])
        say("Coded and charted; took in two survey waves and five staffing returns.")
        published_survey(users[LEAD])
        say("Took in the published survey of the Cambridgeshire pilot.")
        audit.record("demo.loaded", study, by=users[LEAD], evaluation=study)
    return True
