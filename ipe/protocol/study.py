"""Acts: a study from a protocol file, a protocol file from a study."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from pydantic import TypeAdapter

from ipe import audit, roles, rooms
from ipe.errors import Conflict, DomainError
from ipe.models import Evaluation, User
from ipe.protocol.canonical import as_document
from ipe.protocol.problems import Problem, ProtocolRefused, line_of
from ipe.protocol.reading import Protocol, read_protocol
from ipe.protocol.report import Report
from ipe.protocol.schema import Design
from ipe.protocol.source import write_source
from ipe.protocol.stored import read_design
from ipe.protocol.writing import Writer, clean
from ipe.study import create_study


def import_protocol(
    data: bytes,
    *,
    by: User | None,
    filename: str = "",
    evaluation: Evaluation | None = None,
    must_be_new: bool = False,
    reason: str = "",
) -> Report:
    """Creates the study that the file describes, or brings it up to the file; all or nothing, audited.

    A section that the file leaves out stays as it is; one that it has is the whole truth about its part. With
    `evaluation` the file must be about that study, with `must_be_new` about none that exists. `by` None is
    the operator at the command line. `reason` is asked for when thresholds, or the readings of indicators,
    change after data have arrived, and is kept with the change (TH-08).

    Raises
        ProtocolRefused: The file is faulty, or removes what evidence stands on; every problem by line.
        Refused, NotFound: The person may not edit this study, or not create one.
    """
    with transaction.atomic():
        return _imported(
            data, by=by, filename=filename, evaluation=evaluation, must_be_new=must_be_new, reason=reason
        )


def preview_protocol(
    data: bytes,
    *,
    by: User | None,
    filename: str = "",
    evaluation: Evaluation | None = None,
    must_be_new: bool = False,
    reason: str = "",
) -> Report:
    """What `import_protocol` would do: the same act, undone at its end. Raises the same errors."""
    with transaction.atomic():
        report = _imported(
            data, by=by, filename=filename, evaluation=evaluation, must_be_new=must_be_new, reason=reason
        )
        transaction.set_rollback(True)
    if by is not None:
        roles.forget(by)  # who creates a study became its lead for a moment
    report.is_preview = True
    return report


def export_protocol(evaluation: Evaluation) -> bytes:
    """The study's protocol file, with the sections of every room. Importing it changes nothing."""
    document = as_document(read_design(evaluation))
    for name, section in rooms.sections().items():
        adapter: TypeAdapter[Any] = TypeAdapter(section.model)
        part = adapter.dump_python(section.read(evaluation), exclude_defaults=True)
        if part:
            document[name] = part
    return write_source(document)


def _imported(
    data: bytes,
    *,
    by: User | None,
    filename: str,
    evaluation: Evaluation | None,
    must_be_new: bool,
    reason: str,
) -> Report:
    sections = rooms.sections()
    protocol = read_protocol(
        data,
        rooms={name: section.model for name, section in sections.items()},
        filename=filename,
        known=lambda slug: _present_design(slug, by),
    )
    try:
        study, is_new = _study_of(protocol, by=by, evaluation=evaluation, must_be_new=must_be_new)
    except Conflict as error:
        line = line_of(protocol.source.lines, ("evaluation", "slug"))
        raise ProtocolRefused([Problem(line, "evaluation › slug", error.message)], file=filename) from None
    report = Report(study, by, is_new, reason=reason.strip())
    writer = Writer(study, protocol, report)
    writer.write()
    problems = []
    for name, part in protocol.rooms.items():
        try:
            _write_section(sections[name], study, part, report)
        except DomainError as error:
            problems.append(Problem(line_of(protocol.source.lines, (name,)), name, error.message))
    problems += writer.finish()
    if problems:
        raise ProtocolRefused(problems, file=filename)
    counts = {
        f"{line.label} {what}": number
        for line in report.changes
        for what, number in (("added", line.added), ("changed", line.changed), ("removed", line.removed))
        if number
    }
    audit.record("protocol.imported", study, by=by, evaluation=study, counts=counts)
    return report


def _write_section(section: rooms.Section, study: Evaluation, part: Any, report: Report) -> None:
    """A room writes its section; where it counts nothing itself, its entries are compared by code."""
    before, n_lines = _entries(section, study), len(report.lines)
    with transaction.atomic():
        section.write(study, part, report)
    if len(report.lines) == n_lines:
        after = _entries(section, study)
        report.count(
            section.name.replace("_", " "),
            added=len(after.keys() - before.keys()),
            removed=len(before.keys() - after.keys()),
            changed=sum(after[key] != before[key] for key in after.keys() & before.keys()),
        )


def _entries(section: rooms.Section, study: Evaluation) -> dict[str, Any]:
    """A section's entries by their code or name; a section that is no list is one entry."""
    adapter: TypeAdapter[Any] = TypeAdapter(section.model)
    document = adapter.dump_python(section.read(study))
    if not isinstance(document, list):
        return {section.name: document}
    return {
        str(entry.get("code") or entry.get("name") or at) if isinstance(entry, dict) else str(at): entry
        for at, entry in enumerate(document)
    }


def _present_design(slug: str, by: User | None) -> Design | None:
    """The study's design, for people who may edit it: an error must not tell its codes to others."""
    study = Evaluation.objects.filter(slug=slug).first()
    if study is None or (by is not None and not roles.may(by, "design.edit", study)):
        return None
    return read_design(study)


def _study_of(
    protocol: Protocol, *, by: User | None, evaluation: Evaluation | None, must_be_new: bool
) -> tuple[Evaluation, bool]:
    """The study that the file is about, and whether it is new.

    Raises
        Conflict: The slug is not the one it has to be.
        Refused, NotFound
    """
    part = protocol.design.evaluation
    if evaluation is not None and evaluation.slug != part.slug:
        raise Conflict(f"The file is about “{part.slug}”; this study is “{evaluation.slug}”.")
    study = Evaluation.objects.select_for_update().filter(slug=part.slug).first()
    if study is None:
        if by is not None:
            return create_study(by=by, slug=part.slug, title=part.title), True
        study = Evaluation(slug=part.slug, title=part.title)
        clean(study, "evaluation")
        study.save(force_insert=True)
        audit.record("study.created", study, by=None, evaluation=study)
        return study, True
    if must_be_new or (by is not None and not roles.memberships(by, study)):
        raise Conflict(
            f"The address “{part.slug}” is taken by another study; give this one a slug of its own."
        )
    if by is not None:
        roles.require_whole_study(by, "design.edit", study)
    return study, False
