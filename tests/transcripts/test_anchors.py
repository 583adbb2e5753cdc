"""Offsets through the acts: whatever a room above anchors stands over exactly the text that each edit predicts."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from coding.acts import applying, charting, codebook, matrices, memos, undoing
from coding.models import Coding, CodingEvent, Memo, QuoteLink
from consent.models import Participant
from ipe import rooms
from ipe.errors import DomainError
from transcripts import clearing, redaction, review
from transcripts.models import Entity, Replacement, Turn, Version
from transcripts.offsets import Span, is_clear_of

SAID = (
    "INT: How did it begin 😀, Zebedee?\n"
    "P-014: Well, Zoë came with Marrow and the bakery aunt. I was fine, fine, honestly fine.\n"
    "INT: And then, after the oddball left?\n"
    "P-014: Then Marrow rang Zoë’s mother twice — the oddball again — and the bakery closed. מזל טוב, she said.\n"
    "INT: I see. The aunt too?\n"
    "P-014: The aunt too. In Leicester, by the canal, where Zoë lives; nobody else knew of the canal.\n"
)
MOST = 20


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[rooms.Move]:
    """What the rooms are told, heard through the port itself."""
    heard: list[rooms.Move] = []

    def listen(move: rooms.Move) -> int:
        heard.append(move)
        return 0

    room = rooms.Room(name="listener", label="Listener", order=99, move=listen)
    monkeypatch.setitem(rooms._rooms, "listener", room)
    return heard


@pytest.mark.row("PS-07")
@pytest.mark.parametrize("n_steps", [40, pytest.param(500, marks=pytest.mark.slow)])
def test_random_steps_move_every_coding_memo_quote_and_turn(
    n_steps, study, site_a, person, cleared, fieldwork, researcher, moves
):
    document = cleared(fieldwork, SAID, participant=person("P-014", "Zebedee Quillfeather"))
    assert Participant.objects.get().documents.get() == document
    dice = random.Random(7)
    theme = codebook.add_code(study, name="Theme", by=researcher)
    leaf = codebook.add_code(study, name="Leaf", parent=theme, by=researcher)
    cell = (
        matrices.add_case(study, participant=Participant.objects.get(), by=researcher),
        matrices.create_matrix(theme, by=researcher).columns.first(),
    )
    entities = [
        Entity.objects.create(evaluation=study, category="person", pseudonym=f"[Neighbour {n}]")
        for n in (1, 2)
    ]
    kinds: dict[str, int] = {}
    for step in range(n_steps):
        version = Version.objects.current().get(document=document)
        if step % 5 == 0 and Memo.objects.count() < MOST:
            _anchor(version, dice, leaf, cell, researcher)
        before, old = _anchors(version), version.text
        moves.clear()
        kind = dice.choice(["redact", "redact", "correct", "undo", "replace", "uncode"])
        try:
            _step(kind, document, version, dice, entities, fieldwork, researcher)
        except DomainError:
            kind = "refused"
        kinds[kind] = kinds.get(kind, 0) + 1
        now = Version.objects.current().open().get(document=document)
        assert clearing.rendered(document).text == now.text
        if kind == "uncode":
            assert not moves
            continue
        expected = before
        if moves:
            [move] = moves
            text, origin = _by_hand(old, move.edits)
            assert text == now.text
            assert Version.objects.get(pk=version.pk).text == ""
            expected = {key: _carried(span, origin) for key, span in before.items()}
        _compare(expected, _anchors(now))
    assert {"redact", "correct", "undo", "replace", "uncode"} <= set(kinds)
    assert sum(n for kind, n in kinds.items() if kind != "refused") > n_steps / 2


def _step(kind, document, version, dice, entities, fieldwork, researcher) -> None:
    document.refresh_from_db()
    if kind == "redact":
        start, end = _span(version.text, dice)
        how = (
            {"entity": dice.choice(entities)}
            if dice.random() < 0.5
            else {"text": f"a detail {dice.randrange(9)}"}
        )
        redaction.redact(
            document,
            version_number=version.number,
            start=start,
            end=end,
            category="person",
            everywhere=dice.random() < 0.5,
            by=dice.choice([fieldwork, researcher]),
            **how,
        )
    elif kind == "uncode":
        undoing.undo(document.evaluation, version_id=version.pk, by=researcher)
    else:
        clearing.reopen(document, by=fieldwork)
        try:
            _revise(kind, document, dice, fieldwork)
        finally:
            for row in Replacement.objects.filter(document=document).undecided():
                review.reject(row, by=fieldwork)
            document.refresh_from_db()
            clearing.clear(document, revision=document.revision, by=fieldwork)


def _revise(kind, document, dice, by) -> None:
    accepted = list(Replacement.objects.filter(document=document).accepted())
    if kind == "replace":
        start, end = _span(SAID, dice)
        review.add(
            document, start=start, end=end, category="event", text=f"something {dice.randrange(9)}", by=by
        )
    for row in dice.sample(accepted, min(2, len(accepted))) if kind != "replace" else []:
        review.undecide(row, by=by)
        if kind == "correct" and Replacement.objects.filter(pk=row.pk).exists():
            review.accept(row, text=f"corrected {dice.randrange(99)}", by=by)


def _span(text: str, dice: random.Random) -> Span:
    start = dice.randrange(len(text) - 12)
    return start, start + dice.randrange(1, 12)


def _anchor(version, dice, leaf, cell, by) -> None:
    turn = dice.choice(list(Turn.objects.filter(version=version)))
    a, b = sorted(dice.sample(range(turn.start, turn.end + 1), 2))
    try:
        coding = applying.apply_code(version.pk, start=a, end=b, code_id=leaf.pk, by=by)
        memos.write_memo(body="A note.", by=by, version_id=version.pk, start=a, end=b)
        charting.link_quote(*cell, by=by, coding_id=coding.pk)
        charting.link_quote(*cell, by=by, version_id=version.pk, start=a, end=b)
    except DomainError:
        pass  # blank, or the interviewer's words: not to be coded or quoted


def _anchors(version: Version) -> dict[tuple[str, object], Span]:
    """Every span over a version, by what it belongs to; the undo log's last words on each coding as well."""

    def rows() -> Iterator[tuple[tuple[str, object], Span]]:
        for model in (Coding, Memo, QuoteLink):
            for pk, start, end in model.objects.filter(version=version).values_list("pk", "start", "end"):
                yield (model.__name__, pk), (start, end)
        for ordinal, start, end in Turn.objects.filter(version=version).values_list(
            "ordinal", "start", "end"
        ):
            yield ("Turn", ordinal), (start, end)
        for event in CodingEvent.objects.all():
            for side in ("before", "after"):
                for pk, where, start, end, *_ in getattr(event, side).get("codings", []):
                    if where == str(version.pk):
                        yield (f"event {event.pk} {side}", pk), (start, end)

    return dict(rows())


def _by_hand(old: str, edits) -> tuple[str, list[set[int]]]:
    """The new text, and for each of its characters the characters of the old one that it stands for."""
    assert all(
        is_clear_of((one.start, one.end), [(two.start, two.end)])
        for one in edits
        for two in edits
        if one != two
    )
    text, origin, at = "", [], 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        text += old[at : edit.start] + edit.text
        origin += [{n} for n in range(at, edit.start)]
        origin += [set(range(edit.start, edit.end)) for _ in edit.text]
        at = edit.end
    return text + old[at:], [*origin, *({n} for n in range(at, len(old)))]


def _carried(span: Span, origin: list[set[int]]) -> Span | None:
    covered = set(range(*span))
    places = [n for n, stands_for in enumerate(origin) if stands_for & covered]
    return (places[0], places[-1] + 1) if places else None


def _compare(expected: dict, found: dict) -> None:
    """Each anchor where it was carried; a coding may go only because another of its code and coder now covers the same."""
    assert found.keys() <= expected.keys()
    for key, span in expected.items():
        if key in found:
            assert found[key] == span
        elif span is not None:
            assert key[0] == "Coding"
            assert span in [other for (kind, _), other in found.items() if kind == "Coding"]
