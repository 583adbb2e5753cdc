"""The study of the fault tests, made through the acts that people use. Runs inside an installation.

One person, `ZEBULON`, leaves a string of their own in every place that holds words: `CANARIES`. Another, `ODILE`, has
the same in the same places and stays. Four more hold a focus group; of them `TAMSIN` can leave.
"""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

PASSWORD = "kestrels hover over verges"
ACCOUNTS = {
    "lead@kestrel.example": "evaluation_lead",
    "field@kestrel.example": "fieldwork_lead",
    "coder@kestrel.example": "researcher",
    "second@kestrel.example": "researcher",
    "writer@kestrel.example": "report_writer",
    "privacy@kestrel.example": "data_protection_lead",
}
ZEBULON, ODILE, TAMSIN = "Zébulon Quarringdew", "Odile Farthingway", "Tamsin Oakenshawe"
GROUP = (TAMSIN, "Bertil Underhillock", "Clemency Vowles", "Dorrit Ashgrovesby")

# Where -> the string that stands there and nowhere else. Those of a person who stays are made from them (`kept`).
CANARIES = {
    "name": ZEBULON,
    "speaker label": "Zébulon Q",
    "e-mail": "zq.gallowglass@ibis.example",
    "telephone": "07700 900417",
    "address": "41 Gossamer Ratchet Lane, Northmere",
    "safe contact note": "never ring before the marzipan bells",
    "contact preference": "by carrier semaphore on Thursdays",
    "role": "Lighthouse liaison quartermaster",
    "file name": "quarringdew-zébulon-interview.txt",
    "title": "Talk beside the pewter aquarium",
    "turn": "the marmalade lighthouse whispers backwards to nobody",
    "long turn": "an umbrella of cinnamon arithmetic",
    "code name": "velvet tractor weather",
    "code definition": "when somebody speaks of velvet tractors at dusk",
    "code memo": "the tractor remark reminded me of a brass heron",
    "identifier": "Persephone Blackthistle",
    "replacement": "a beekeeping step-cousin",
    "memo": "I wondered about the obsidian kettle orchard",
    "case memo": "this row smells of turpentine harmonicas",
    "cell": "reports a crimson abacus meadow",
    "cell history": "first said an indigo abacus meadow",
    "quoting cell": "around the quote a ferrous lullaby",
    "comment": "my survey remark is a tangerine barometer",
    "recording": "soundwave of the hollow glockenspiel",
    "turn in review": "the parsnip regatta never left harbour",
    "turn just imported": "a wicker comet over the swimming baths",
    "list not yet imported": "the granite piccolo depot, Northmere",
}
LONG = 400  # times that the long turn repeats its words, so that it fills overflow pages


def kept(where: str) -> str:
    """The string that stands in the same place of the person who stays."""
    swapped = CANARIES[where].translate(str.maketrans("aeou", "eouy"))
    fixed = {
        "name": ODILE,
        "speaker label": "Odile F",
        "e-mail": "of.gallowglass@ibis.example",
        "telephone": "07700 900532",
        "file name": "farthingway-odile-interview.txt",
        "identifier": "Euphemia Rookwarden",
    }
    return fixed.get(where, swapped)


def plant() -> dict[str, Any]:
    """Everything; ids of what the tests need."""
    from django.contrib.auth.hashers import make_password

    from ipe.models import Evaluation, Member, User
    from ipe.protocol.study import import_protocol

    data = (Path(__file__).parent / "protocol.yaml").read_bytes()
    study = Evaluation.objects.get(pk=import_protocol(data, by=None, filename="protocol.yaml").evaluation.pk)
    password = make_password(PASSWORD)
    users = {}
    for email, role in ACCOUNTS.items():
        users[role] = user = User.objects.create(email=email, name=email.split("@")[0], password=password)
        Member.objects.create(evaluation=study, user=user, role=role, all_sites=True)
    return _Planting(study, users).everything()


class _Planting:
    def __init__(self, study: Any, users: dict[str, Any]) -> None:
        self.study, self.users = study, users
        self.fieldwork, self.coder = users["fieldwork_lead"], users["researcher"]
        self.wave = study.sites.get(code="N").waves.get(phase__code="12m")

    def everything(self) -> dict[str, Any]:
        from coding.acts import codebook, matrices

        self.theme = codebook.add_code(self.study, name="Practice", by=self.coder)
        self.shared = codebook.add_code(self.study, name="Workload", parent=self.theme, by=self.coder)
        self.matrix = matrices.create_matrix(self.theme, by=self.coder)
        leaving = self.person(ZEBULON, CANARIES)
        staying = self.person(ODILE, {where: kept(where) for where in CANARIES})
        group = self.focus_group()
        self.site_row(leaving["version"])
        self.list_not_yet_imported()
        self.survey({leaving["code"]: CANARIES["comment"], staying["code"]: kept("comment")})
        return {
            "study": str(self.study.pk),
            "site": str(self.wave.site.pk),
            "leaving": leaving,
            "staying": staying,
            "group": group,
            "matrix": str(self.matrix.pk),
            "column": str(self.column().pk),
            "theme": str(self.theme.pk),
            "shared": str(self.shared.pk),
            "wave": str(self.wave.pk),
        }

    def column(self) -> Any:
        return self.matrix.columns.get(subtheme=self.shared)

    # --- people ---

    def participant(self, name: str, words: dict[str, str]) -> Any:
        from consent import recruiting, signing

        details = {"name": name}
        fields = {
            "email": "e-mail",
            "phone": "telephone",
            "address": "address",
            "safe_note": "safe contact note",
            "preference": "contact preference",
        }
        details |= {field: words[where] for field, where in fields.items() if where in words}
        person = recruiting.add_person(
            self.study,
            site=self.wave.site,
            kind="staff",
            details=details,
            by=self.fieldwork,
            recruitment="agreed_to_contact",
            wave=self.wave,
            group="practitioners",
            role_title=words.get("role", "Social worker"),
            teams=self.wave.site.teams.all(),
        )
        person = recruiting.move_recruitment(person, to="informed", by=self.fieldwork)
        signing.record_consent(
            person,
            version=signing.forms_for(person)[0],
            answers=dict.fromkeys(["take_part", "record", "quote", "archive", "recontact"], "yes"),
            mode="paper",
            taken_where="workplace",
            taken_at=_at(-40, 9),
            phases=self.study.phases.filter(code="12m"),
            by=self.fieldwork,
        )
        person.refresh_from_db()
        return person

    def list_not_yet_imported(self) -> None:
        """The person stands on it under another address; the list was previewed and not confirmed."""
        from consent import recruiting, rosters

        where = CANARIES["list not yet imported"]
        people = [rosters.Listed(row=2, name="Z. Quarringdew", address=where, group="practitioners")]
        recruiting.stage_roster(
            self.study, site=self.wave.site, wave=self.wave, kind="staff", people=people, by=self.fieldwork
        )

    def held(self, people: list[Any], method: str, day: int) -> Any:
        from fieldwork import booking

        activity = booking.book(
            self.wave,
            method=method,
            group="practitioners",
            starts_at=_at(day, 10),
            ends_at=_at(day, 11),
            place_kind="workplace",
            participants=people,
            researchers=[self.coder],
            by=self.fieldwork,
            accept_clashes=True,
        )
        return booking.mark_done(activity, attended=people, by=self.fieldwork)

    def recorded(self, activity: Any, words: str) -> None:
        from fieldwork import recordings

        sound = b"RIFF\x00\x00\x00\x00WAVEfmt " + words.encode() * 50
        recordings.add_recording(activity, upload=sound, by=self.fieldwork)

    def person(self, name: str, words: dict[str, str]) -> dict[str, Any]:
        from fieldwork import booking

        person = self.participant(name, words)
        activity = self.held([person], "interview", -20)
        self.recorded(activity, words["recording"])
        booking.log_attempt(person, channel="telephone", outcome="reached", by=self.fieldwork)
        booking.book(
            self.wave,
            method="interview",
            group="practitioners",
            starts_at=_at(5, 14),
            ends_at=_at(5, 15),
            place_kind="online",
            participants=[person],
            researchers=[self.coder],
            by=self.fieldwork,
            accept_clashes=True,
        )
        version = self.interview(person, activity, words)
        codes = self.coded(version, words)
        case = self.charted(person, version, words)
        return {
            "id": str(person.pk),
            "code": person.code,
            "document": str(version.document_id),
            "version": str(version.pk),
            "case": str(case.pk),
            "in_vivo": str(codes.pk),
            "activity": str(activity.pk),
        }

    # --- texts ---

    def interview(self, person: Any, activity: Any, words: dict[str, str]) -> Any:
        label = words["speaker label"]
        said = [
            ("Interviewer", "How was the first year?"),
            (label, f"I would say {words['turn']}, more or less."),
            ("Interviewer", "And the team?"),
            (label, f"{words['identifier']} called it {words['code name']}, and that is what it was."),
            ("Interviewer", "Is there more?"),
            (label, " and ".join([words["long turn"]] * LONG) + "."),
        ]
        document = self.imported(
            said,
            kind="interview",
            title=words["title"],
            file_name=words["file name"],
            activity=activity,
            participant=person,
        )
        self.reviewed(document, {label: person}, replaced={words["identifier"]: words["replacement"]})
        self.unfinished(person, words)
        return document.versions.current().get()

    def unfinished(self, person: Any, words: dict[str, str]) -> None:
        """Two more of their texts: one whose identifiers are under review, one of which only the file is in."""
        from transcripts import intake

        for where in ("turn in review", "turn just imported"):
            said = [("Interviewer", "And today?"), (words["speaker label"], f"Well, {words[where]}.")]
            document = self.imported(
                said, kind="interview", title=where, file_name="later.txt", participant=person
            )
            if where == "turn in review":
                intake.confirm_turns(document, by=self.fieldwork)

    def focus_group(self) -> dict[str, Any]:
        from coding.acts import applying, charting, matrices

        people = [self.participant(name, {}) for name in GROUP]
        activity = self.held(people, "focus_group", -15)
        self.recorded(activity, "soundwave of four voices")
        labels = [name.split()[0] for name in GROUP]
        said = [("Facilitator", "What changed?")]
        for round_ in range(4):
            said += [(label, group_words(number, round_)) for number, label in enumerate(labels)]
        document = self.imported(
            said, kind="focus_group", title="Group talk", file_name="group.txt", activity=activity
        )
        self.reviewed(document, dict(zip(labels, people, strict=True)))
        version = document.versions.current().get()
        for number in range(len(GROUP)):
            for round_ in range(4):
                start = version.text.index(group_words(number, round_))
                end = start + len(group_words(number, round_))
                applying.apply_code(version.pk, start=start, end=end, code_id=self.shared.pk, by=self.coder)
        case = matrices.add_case(self.study, document=document, by=self.coder)
        start = version.text.index(group_words(1, 0))
        link = charting.link_quote(
            case,
            self.column(),
            version_id=version.pk,
            start=start,
            end=start + len(group_words(1, 0)),
            by=self.coder,
        )
        charting.append_quote(link, by=self.coder)
        return {
            "people": [str(person.pk) for person in people],
            "document": str(document.pk),
            "version": str(version.pk),
            "case": str(case.pk),
        }

    def imported(self, said: list[tuple[str, str]], **given: Any) -> Any:
        from transcripts import intake

        text = "\n\n".join(f"{who}: {what}" for who, what in said)
        return intake.import_document(
            self.study, wave=self.wave, data=text.encode(), by=self.fieldwork, **given
        )

    def reviewed(self, document: Any, people: dict[str, Any], replaced: dict[str, str] | None = None) -> None:
        from transcripts import clearing, intake, review, sealing
        from transcripts.models import Replacement, Speaker

        rows = list(Speaker.objects.filter(document=document).select_related("document"))
        labels = sealing.labels_of(document, rows)
        choices = []
        for row in rows:
            person = people.get(labels[row.pk])
            role = "participant" if person else "interviewer"
            choices.append(intake.SpeakerChoice(row.pk, role=role, participant=person.pk if person else None))
        assert sum(choice.participant is not None for choice in choices) == len(people), sorted(
            labels.values()
        )
        intake.set_speakers(document, choices, by=self.fieldwork)
        intake.confirm_turns(document, by=self.fieldwork)
        Replacement.objects.filter(document=document).delete()  # what is suggested is not what is tested
        for words, text in (replaced or {}).items():
            # A pseudonym of the study for the name, and plain words for the rest of it.
            review.add_words(document, words=words, category="person", by=self.fieldwork)
            review.add_words(document, words="called it", category="event", text=text, by=self.fieldwork)
        document.refresh_from_db()
        clearing.clear(document, revision=document.revision, by=self.fieldwork)
        document.refresh_from_db()

    # --- codings and matrices ---

    def coded(self, version: Any, words: dict[str, str]) -> Any:
        from coding.acts import applying, codebook, memos, undoing

        vivo = codebook.add_code(
            self.study,
            name=words["code name"],
            definition=words["code definition"],
            parent=self.theme,
            by=self.coder,
        )
        place = _span(version.text, words["code name"])
        applying.apply_code(version.pk, start=place[0], end=place[1], code_id=vivo.pk, by=self.coder)
        start, end = _span(version.text, words["turn"])
        coding = applying.apply_code(version.pk, start=start, end=end, code_id=self.shared.pk, by=self.coder)
        applying.resize_coding(coding.pk, start=start, end=end - 7, by=self.coder)
        undoing.undo(self.study, version_id=version.pk, by=self.coder)
        memos.write_memo(body=words["memo"], by=self.coder, version_id=version.pk, start=start, end=end)
        memos.write_memo(body=words["code memo"], by=self.coder, code=vivo)
        return vivo

    def charted(self, person: Any, version: Any, words: dict[str, str]) -> Any:
        from coding.acts import charting, matrices, memos

        case = matrices.add_case(self.study, participant=person, by=self.coder)
        for number, where in enumerate(["cell history", "cell"]):
            charting.save_cell(
                case,
                self.column(),
                runs=[{"kind": "summary", "text": words[where]}],
                state="draft",
                expected_version=number,
                by=self.coder,
            )
        memos.write_memo(body=words["case memo"], by=self.coder, case=case)
        return case

    def site_row(self, version_id: str) -> None:
        """The row of the site, whose cell quotes the person who leaves and says something around the quote."""
        from coding.acts import charting, matrices
        from transcripts.models import Version

        version = Version.objects.get(pk=version_id)
        case = matrices.add_case(self.study, site=self.wave.site, by=self.coder)
        start, end = _span(version.text, CANARIES["turn"])
        link = charting.link_quote(
            case, self.column(), version_id=version.pk, start=start, end=end, by=self.coder
        )
        runs = [
            {"kind": "summary", "text": CANARIES["quoting cell"]},
            {"kind": "verbatim", "quote": str(link.pk)},
        ]
        charting.save_cell(case, self.column(), runs=runs, state="draft", expected_version=0, by=self.coder)

    # --- surveys ---

    def survey(self, comments: dict[str, str]) -> None:
        from ipe import jobs
        from surveys import intake

        lines = ["Person,Useful,Comment"]
        for code, comment in comments.items():
            lines.append(f"{code},Agree,{comment}")
        for code in self.study.participants.exclude(code__in=comments).values_list("code", flat=True):
            lines.append(f"{code},Disagree,")
        part = {
            "mapping": 1,
            "name": "named",
            "instrument": "linked-survey",
            "respondent": {"participant": {"column": "Person"}},
            "items": {"useful": {"column": "Useful"}, "comment": {"column": "Comment"}},
        }
        row = opened("linked-survey", "\n".join(lines).encode(), part, wave=self.wave, by=self.fieldwork)
        job = intake.confirm(row, by=self.fieldwork)
        jobs.run(job.pk)
        job.refresh_from_db()
        assert job.state == "done", job.error


def opened(name: str, data: bytes, part: dict[str, Any], *, wave: Any, by: Any) -> Any:
    """A survey file that is uploaded and mapped and waits to be confirmed."""
    from surveys import intake, mapping
    from surveys.models import Instrument

    instrument = Instrument.objects.get(evaluation=wave.site.evaluation, name=name)
    saved = intake.save_mapping(instrument, part=mapping.checked(part), by=by)
    row = intake.open_intake(instrument, wave=wave, file_name=f"{name}.csv", data=data, by=by)
    return intake.choose_mapping(row, mapping=saved, by=by)


def group_words(person: int, round_: int) -> str:
    """What somebody says in one round of the focus group; no two the same, none inside another."""
    things = ("heron", "bobbin", "samovar", "thimble")
    turns = ("opened slowly", "was mended twice", "fell quiet", "came home early")
    return f"For me the {things[person]} {turns[round_]} and number {person}{round_} stayed as it was"


def _at(days: int, hour: int) -> dt.datetime:
    from django.utils import timezone

    day = timezone.localtime() + dt.timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def _span(text: str, words: str) -> tuple[int, int]:
    start = text.index(words)
    return start, start + len(words)


def csv_of(n_rows: int, seed: int) -> bytes:
    """An anonymous survey file of so many rows; another seed, another file."""
    target = io.StringIO()
    target.write("Id,One,Two,Three,Remark\n")
    words = ("Agree", "Disagree")
    for n in range(n_rows):
        bits = n * 2654435761 + seed
        answers = ",".join(words[bits >> shift & 1] for shift in (3, 7, 11))
        target.write(f"{seed}-{n},{answers},{'remark ' + str(n) if n % 10 == 0 else ''}\n")
    return target.getvalue().encode()


PULSE = {
    "mapping": 1,
    "name": "pulse",
    "instrument": "pulse",
    "respondent": {"response_id": {"column": "Id"}},
    "items": {
        "one": {"column": "One"},
        "two": {"column": "Two"},
        "three": {"column": "Three"},
        "remark": {"column": "Remark"},
    },
}
