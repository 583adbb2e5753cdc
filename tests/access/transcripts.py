"""Who gets which answer from the pages of transcripts. Every document stands at site A."""

from typing import Any

from tests.access.table import Row

TEXT = (
    "INT: Where do you live?\nAnouk Verrier: In Leicester, with Tamsin.\n"
    "INT: And {n}?\nAnouk Verrier: Thank you for asking, {n}.\n"
)

# An original in review: the fieldwork lead of the site, its researcher; data protection reads.
EDIT = {
    "lead": 403,
    "fieldwork": 200,
    "researcher": 200,
    "writer": 403,
    "data_protection": 403,
    "other_site": 404,
}
READ = {**EDIT, "data_protection": 200}
# After clearance the researcher has the text, not the original.
CLEARED_READ = {**READ, "researcher": 403}
SITE_LEAD = {**EDIT, "researcher": 403}
ADD = {**EDIT, "other_site": 200}
TEXT_READ = {
    "lead": 200,
    "fieldwork": 403,
    "researcher": 200,
    "writer": 200,
    "data_protection": 403,
    "other_site": 404,
}
ERASE = {
    "lead": 403,
    "fieldwork": 403,
    "researcher": 403,
    "writer": 403,
    "data_protection": 200,
    "other_site": 403,
}


def sent(expected: dict[str, int]) -> dict[str, int]:
    """The same for an act that answers with a redirect."""
    return {name: 302 if status == 200 else status for name, status in expected.items()}


def told(expected: dict[str, int], status: int) -> dict[str, int]:
    """The same for a form that is refused with its errors."""
    return {name: status if code == 200 else code for name, code in expected.items()}


def build(world: dict[str, Any]) -> None:
    from transcripts import clearing, intake, review
    from transcripts.models import Replacement

    study, fieldwork, researcher = world["study"], world["fieldwork"], world["researcher"]
    wave = study.sites.get(code="A").waves.get(phase__code="12m")

    def imported(n: str) -> Any:
        return intake.import_document(
            study,
            wave=wave,
            kind="interview",
            title=f"Talk {n}",
            file_name="talk.txt",
            data=TEXT.format(n=n).encode(),
            by=researcher,
        )

    def cleared(n: str) -> Any:
        document = intake.confirm_turns(imported(n), by=researcher)
        for row in Replacement.objects.filter(document=document).undecided():
            row.refresh_from_db()
            if row.status == "suggested":
                review.accept(row, by=researcher)
        document.refresh_from_db()
        clearing.clear(document, revision=document.revision, by=fieldwork)
        return document

    world["imported"], world["dropped"] = imported("one"), imported("two")
    world["in_review"] = intake.confirm_turns(imported("three"), by=researcher)
    world["review_speaker"] = world["in_review"].speakers.get(role="participant")
    world["review_place"] = Replacement.objects.filter(document=world["in_review"]).first()
    world["cleared"], world["cleared_again"] = cleared("four"), cleared("five")
    world["transcript"] = world["cleared"]
    world["first_turn"] = 1


PK = {"pk": "imported"}
REVIEW = {"pk": "in_review"}
CLEARED = {"pk": "cleared"}
AGAIN = {"pk": "cleared_again"}
FOUND = {"version_number": 1, "words": "Thank you", "category": "event", "text": "thanks", "everywhere": "on"}
ROWS = [
    Row("transcripts:list"),
    Row("transcripts:import", **ADD),
    Row("transcripts:import", method="POST", **told(ADD, 400)),
    Row("transcripts:turns", PK, **EDIT),
    Row("transcripts:turns", PK, method="POST", **told(EDIT, 400)),
    Row("transcripts:style", PK, method="POST", data={"style": "labels"}, **sent(EDIT)),
    Row(
        "transcripts:turn",
        {**PK, "ordinal": "first_turn"},
        method="POST",
        data={"do": "speaker", "speaker": ""},
        **sent(EDIT),
    ),
    Row("transcripts:assign", PK, **SITE_LEAD),
    Row("transcripts:assign", PK, method="POST", data={"assigned_to": "@researcher"}, **sent(SITE_LEAD)),
    Row("transcripts:confirm", PK, method="POST", **sent(EDIT)),
    Row("transcripts:drop", {"pk": "dropped"}, **EDIT),
    Row("transcripts:drop", {"pk": "dropped"}, method="POST", **sent(EDIT)),
    Row("transcripts:review", REVIEW, **READ),
    Row("transcripts:review", CLEARED, **CLEARED_READ),
    Row("transcripts:find", REVIEW, method="POST", **sent(EDIT)),
    Row(
        "transcripts:decide",
        REVIEW,
        method="POST",
        data={"replacement": "@review_place", "do": "accept"},
        **sent(EDIT),
    ),
    Row(
        "transcripts:add",
        REVIEW,
        method="POST",
        data={"words": "Thank", "category": "event", "text": "a word"},
        **sent(EDIT),
    ),
    Row("transcripts:speaker", {**REVIEW, "speaker": "review_speaker"}, method="POST", **sent(EDIT)),
    Row("transcripts:clear", REVIEW, **EDIT),
    Row("transcripts:clear", REVIEW, method="POST", **told(EDIT, 400)),
    Row("transcripts:read", CLEARED, **TEXT_READ),
    Row("transcripts:redact", CLEARED, **EDIT),
    Row("transcripts:redact", CLEARED, method="POST", data=FOUND, **EDIT),
    Row(
        "transcripts:redact-confirm",
        CLEARED,
        method="POST",
        data={**FOUND, "words": "", "start": 5, "end": 10},
        **EDIT,
    ),
    Row("transcripts:reopen", AGAIN, **SITE_LEAD),
    Row("transcripts:reopen", AGAIN, method="POST", **sent(SITE_LEAD)),
    Row("transcripts:destroy-original", AGAIN, **ERASE),
    Row("transcripts:destroy-original", AGAIN, method="POST", **sent(ERASE)),
    Row("transcripts:erase", AGAIN, **ERASE),
    Row("transcripts:erase", AGAIN, method="POST", **sent(ERASE)),
]
