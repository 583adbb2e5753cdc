"""A transcript at each stage, and people to speak in it. Every text here is invented."""

from __future__ import annotations

import pytest

from consent.contact import write_contact
from consent.models import Participant
from ipe import vault
from transcripts import clearing, intake, review
from transcripts.models import Document, Replacement

INTERVIEW = (
    "Interview with Zebedee Quillfeather\n\n"
    "INT: How did it begin, Zebedee?\n"
    "Zebedee Quillfeather: At first it was Tomorrow this, tomorrow that. I live in Leicester and my number "
    "is 0116 496 0123.\n"
    "INT: And then?\n"
    "Zebedee Quillfeather: Then Mark came. I hope he stays. Ring me at zeb@example.org.\n"
)
GROUP = (
    "INT: Who would like to begin?\n"
    "Orla: I was glad of the training. Priyanka was too.\n"
    "Priyanka: It took a long time, honestly.\n"
    "INT: And the caseloads?\n"
    "Orla: Smaller than before. Still too many.\n"
    "Priyanka: I would say the same as Orla.\n"
)


@pytest.fixture
def person(study, site_a):
    """`person("P-014", "Name")`: a participant of site A with a name in the vault."""

    def make(code: str, name: str, site=None):
        row = Participant.objects.create(evaluation=study, site=site or site_a, code=code, kind="family")
        vault.ensure_key(vault.participant_scope(row.pk))
        write_contact(row, {"name": name})
        return row

    return make


@pytest.fixture
def upload(study, site_a, wave):
    """`upload(by)`: an import at site A, 12 months."""

    def make(
        by,
        text: str | bytes = INTERVIEW,
        *,
        name: str = "talk.txt",
        kind: str = "interview",
        site=None,
        **more,
    ) -> Document:
        data = text.encode() if isinstance(text, str) else text
        return intake.import_document(
            study,
            wave=wave(site or site_a, more.pop("phase", "12m")),
            kind=kind,
            title=more.pop("title", "Talk with Zebedee"),
            file_name=name,
            data=data,
            by=by,
            **more,
        )

    return make


@pytest.fixture
def in_review(upload):
    def make(by, *args, **more) -> Document:
        return intake.confirm_turns(upload(by, *args, **more), by=by)

    return make


def accept_all(document: Document, by) -> None:
    for row in Replacement.objects.filter(document=document).undecided():
        row.refresh_from_db()
        if row.status == "suggested":
            review.accept(row, by=by)


@pytest.fixture
def cleared(in_review):
    """`cleared(by)`: a document of which every suggestion was accepted and that is signed off."""

    def make(by, *args, **more) -> Document:
        document = in_review(by, *args, **more)
        accept_all(document, by)
        document.refresh_from_db()
        clearing.clear(document, revision=document.revision, by=by)
        document.refresh_from_db()
        return document

    return make


def text_of(document: Document) -> str:
    from transcripts.models import Version

    return Version.objects.current().get(document=document).text
