"""Everything that leaves goes through here: a table, a workbook or a document becomes bytes and a ledger row.

Respondents of counts are named by opaque strings. Where a person is a participant, by
``"<participant id>@<wave id>"``, so that a withdrawal finds them and two waves of the same people stay apart;
where answers are anonymous, by the id of the response.
"""

from __future__ import annotations

import importlib.metadata
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from consent.models import Participant
from exports import as_csv, as_docx, as_json, as_pdf, as_xlsx
from exports.attack import Contradiction
from exports.disclosure import Equation, Protected, narrowed, protect, protect_all, protect_document
from exports.table import Cover, Document, Table
from ipe import audit
from ipe.errors import Conflict, Invalid, NotReady
from ipe.models import Evaluation, Site, User
from ipe.words import OutputClass
from releases import ledger, recipients
from releases.differencing import Clash, cell_of, clashes, with_rests
from releases.models import FileFormat, Kind, PublishedCell, QuotedPerson, Release, State
from releases.rules import rule_for, state_for

_TRIES = 5


@dataclass(frozen=True)
class Published:
    """The file, to be handed to the person and then forgotten, and its row in the ledger."""

    release: Release
    data: bytes
    filename: str
    content_type: str


@dataclass(frozen=True)
class _Content:
    """What is to leave, after disclosure control: how to write it under a cover, and every count in it."""

    title: str
    kind: Kind
    protected: tuple[Protected, ...]
    write: Callable[[Cover], bytes]
    data_hash: str
    quoted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Request:
    by: User | None
    evaluation: Evaluation
    site: Site | None
    output_class: str
    purpose: str
    file_format: FileFormat
    recipients: tuple[str, ...]
    quoted: tuple[uuid.UUID, ...]
    filter_text: str
    base: str
    data_version: str
    state: State


def released(table: Table, *, evaluation: Evaluation, output_class: str) -> Protected:
    """The table as it would leave now, for a page "as released" or a chart. Reads the ledger, writes
    nothing.
    """
    kept = PublishedCell.objects.hidden_digests(evaluation)
    return protect(table, rule_for(evaluation, output_class), kept_hidden=kept)


def publish_table(
    table: Table,
    *,
    by: User | None,
    evaluation: Evaluation,
    site: Site | None = None,
    output_class: str,
    purpose: str,
    file_format: str,
    recipients: Sequence[str] = (),
    quoted: Iterable[Participant | uuid.UUID | str] = (),
    data_version: str = "",
    is_schedule: bool = False,
) -> Published:
    """Release one table as csv, csv_guarded, json, xlsx, docx or pdf.

    The filter and base on the cover are those of the table's own cover. Effects: a Release with its counts,
    people quoted and recipients, and an audit event, in one transaction; the bytes are not kept.
    `data_version` names the data behind it (never a hash over values that may be hidden). `by` None: the
    command line.

    Raises
        Refused: The role makes no such release. NotReady: A count differs too little from a published one, or
        published sums would give a hidden one away or contradict the new ones. Conflict: A person quoted has
        withdrawn. Invalid: No purpose, a format that a table has not, or counts of people in the exempt class.
    """
    request = _asked(
        by, evaluation, site, output_class, purpose, file_format, recipients, quoted, table.cover,
        data_version, is_schedule, allowed=set(FileFormat),
    )  # fmt: skip
    writers: dict[FileFormat, Callable[[Table], bytes]] = {
        FileFormat.CSV_PLAIN: as_csv.write_plain,
        FileFormat.CSV_GUARDED: as_csv.write_guarded,
        FileFormat.JSON: as_json.write,
        FileFormat.XLSX: as_xlsx.write,
        FileFormat.DOCX: as_docx.write,
        FileFormat.PDF: as_pdf.write,
    }

    def content(kept: frozenset[str]) -> _Content:
        protected = protect(table, rule_for(evaluation, output_class), kept_hidden=kept)
        return _Content(
            title=table.title,
            kind=Kind.TABLE,
            protected=(protected,),
            write=lambda cover: writers[request.file_format](protected.table.with_cover(cover)),
            data_hash=protected.table.data_hash(),
        )

    return _publish(request, content)


def publish_workbook(
    tables: Sequence[Table],
    *,
    title: str,
    by: User | None,
    evaluation: Evaluation,
    site: Site | None = None,
    output_class: str,
    purpose: str,
    recipients: Sequence[str] = (),
    quoted: Iterable[Participant | uuid.UUID | str] = (),
    data_version: str = "",
) -> Published:
    """Release several tables as one workbook, protected together. Otherwise as `publish_table`."""
    if not tables:
        raise Invalid("There is nothing to release: the workbook has no sheets.")
    cover_given = next((table.cover for table in tables if table.cover), None)
    request = _asked(
        by, evaluation, site, output_class, purpose, FileFormat.XLSX, recipients, quoted, cover_given,
        data_version, False, allowed={FileFormat.XLSX},
    )  # fmt: skip

    def content(kept: frozenset[str]) -> _Content:
        protected = protect_all(tables, rule_for(evaluation, output_class), kept_hidden=kept)
        sheets = tuple(each.table for each in protected)
        whole = Document(title, sheets)
        return _Content(
            title=title,
            kind=Kind.WORKBOOK,
            protected=protected,
            write=lambda cover: as_xlsx.write(sheets, cover=cover, title=title),
            data_hash=whole.data_hash(),
        )

    return _publish(request, content)


def publish_document(
    document: Document,
    *,
    by: User | None,
    evaluation: Evaluation,
    site: Site | None = None,
    output_class: str,
    purpose: str,
    file_format: str,
    recipients: Sequence[str] = (),
    quoted: Iterable[Participant | uuid.UUID | str] = (),
    data_version: str = "",
) -> Published:
    """Release a document as docx or pdf; people whose quotes it holds are listed by themselves.

    Figures are pictures that nothing can look into: draw them from tables that `released` has returned.
    Otherwise as `publish_table`.
    """
    everyone = [*quoted, *document.quoted_ids]
    request = _asked(
        by, evaluation, site, output_class, purpose, file_format, recipients, everyone, document.cover,
        data_version, False, allowed={FileFormat.DOCX, FileFormat.PDF},
    )  # fmt: skip
    write = as_pdf.write if request.file_format == FileFormat.PDF else as_docx.write

    def content(kept: frozenset[str]) -> _Content:
        safe, protected = protect_document(document, rule_for(evaluation, output_class), kept_hidden=kept)
        return _Content(
            title=document.title,
            kind=Kind.DOCUMENT,
            protected=protected,
            write=lambda cover: write(safe.with_cover(cover)),
            data_hash=safe.data_hash(),
        )

    return _publish(request, content)


def _asked(
    by: User | None,
    evaluation: Evaluation,
    site: Site | None,
    output_class: str,
    purpose: str,
    file_format: str,
    recipients_given: Sequence[str],
    quoted: Iterable[Participant | uuid.UUID | str],
    cover: Cover | None,
    data_version: str,
    is_schedule: bool,
    *,
    allowed: set[FileFormat],
) -> _Request:
    """The request checked: role, class, format, purpose, people quoted."""
    state = state_for(by, evaluation, site, is_schedule=is_schedule)
    if output_class not in OutputClass.values:
        raise Invalid("Choose the class of output: it decides which counts may be shown.")
    if file_format not in allowed:
        raise Invalid(
            "This cannot be written in that format.", fields={"file_format": "Choose another format."}
        )
    if not purpose.strip():
        raise Invalid("Say what the release is for.", fields={"purpose": "Say what the release is for."})
    ids = {each.pk if isinstance(each, Participant) else uuid.UUID(str(each)) for each in quoted}
    people = list(Participant.objects.filter(evaluation=evaluation, pk__in=ids))
    if len(people) != len(ids):
        raise Conflict("Somebody quoted here is not, or no longer, a participant of this study.")
    if any(person.is_erased for person in people):
        raise Conflict("Somebody quoted here has withdrawn; make the output again without their words.")
    return _Request(
        by=by,
        evaluation=evaluation,
        site=site,
        output_class=output_class,
        purpose=purpose.strip()[:500],
        file_format=FileFormat(file_format),
        recipients=recipients.cleaned(recipients_given),
        quoted=tuple(sorted(ids)),
        filter_text=(cover.filter if cover else "")[:500],
        base=cover.base if cover else "",
        data_version=data_version,
        state=state,
    )


def _publish(request: _Request, content: Callable[[frozenset[str]], _Content]) -> Published:
    """Write the file against the ledger as it stands, then the rows, if no other release came in between.

    The file is written before the transaction begins: a long PDF must not hold the database's only write
    lock.
    """
    for _ in range(_TRIES):
        last = _last_number(request.evaluation)
        made = content(PublishedCell.objects.hidden_digests(request.evaluation))
        _refuse_exempt_people(request, made)
        _refuse_differences(request, made)
        _refuse_sums(request, made)
        release = _row(request, made, number=last + 1)
        cover = Cover(
            study=request.evaluation.title,
            made_at=release.made_at,
            filter=request.filter_text or (request.site.name if request.site else "Everything"),
            base=request.base,
            version=release.version,
            data_hash=release.data_hash,
            release=release.label,
            rule=release.rule_text,
            is_draft=release.state == State.DRAFT,
        )
        data = made.write(cover)
        if _keep(release, request, made, expected_last=last):
            return Published(release, data, _filename(release), _content_type(release))
    raise Conflict("Other releases of this study are being made at the same time. Try again.")


def _last_number(evaluation: Evaluation) -> int:
    last = Release.objects.filter(evaluation=evaluation).order_by("-number").first()
    return last.number if last else 0


def _row(request: _Request, made: _Content, *, number: int) -> Release:
    rule = rule_for(request.evaluation, request.output_class)
    counts = [count for each in made.protected for count in each.counts]
    return Release(
        evaluation=request.evaluation,
        site=request.site,
        number=number,
        made_at=timezone.now(),
        made_by=request.by,
        title=made.title[:300],
        kind=made.kind,
        file_format=request.file_format,
        output_class=request.output_class,
        purpose=request.purpose,
        filter_text=request.filter_text,
        smallest_count=None if rule.is_exempt else rule.smallest,
        rule_text=rule.describe(),
        data_hash=request.data_version or made.data_hash,
        version=app_version(),
        state=request.state,
        n_shown=sum(not count.is_hidden for count in counts),
        n_hidden=sum(count.is_hidden for count in counts),
        equations=[[each.total, list(each.parts)] for one in made.protected for each in one.equations],
        wholes=dict(pair for one in made.protected for pair in one.wholes),
        flags=[flag for one in made.protected for flag in one.flags],
    )


def app_version() -> str:
    """The application's version; a checkout that was never installed says so."""
    try:
        return importlib.metadata.version("ipe")
    except importlib.metadata.PackageNotFoundError:
        return "development"


def _keep(release: Release, request: _Request, made: _Content, *, expected_last: int) -> bool:
    """The rows and the audit event in one transaction; False when another release was kept meanwhile."""
    counts = [count for each in made.protected for count in each.counts]
    with transaction.atomic():
        Evaluation.objects.select_for_update().get(pk=request.evaluation.pk)
        if _last_number(request.evaluation) != expected_last:
            return False
        sets = {
            count.digest: count.respondents
            for count in counts
            if not count.is_hidden and count.respondents is not None
        }
        release.sealed_sets = ledger.seal_sets(release, sets) if sets else b""
        release.full_clean(validate_unique=False)
        release.save(force_insert=True)
        PublishedCell.objects.bulk_create(
            PublishedCell(
                release=release,
                order=order,
                digest=count.digest,
                definition=count.definition,
                is_hidden=count.is_hidden,
                value=None if count.is_hidden else count.value,
                reason=count.reason,
            )
            for order, count in enumerate(counts)
        )
        QuotedPerson.objects.bulk_create(
            QuotedPerson(release=release, participant_id=person) for person in request.quoted
        )
        recipients.write(release, request.recipients, by=request.by)
        audit.record(
            "releases.publish",
            release,
            by=request.by,
            evaluation=request.evaluation,
            counts={
                "counts shown": release.n_shown,
                "counts hidden": release.n_hidden,
                "people quoted": len(request.quoted),
                "recipients": len(request.recipients),
            },
            fields=["draft"] if release.state == State.DRAFT else [],
        )
    return True


def _refuse_exempt_people(request: _Request, made: _Content) -> None:
    """The exempt class is for posts and trainings; counts whose people are known are never exempt."""
    if not rule_for(request.evaluation, request.output_class).is_exempt:
        return
    if any(count.respondents is not None for each in made.protected for count in each.counts):
        raise Invalid(
            "Counts of people cannot be released as organisational counts. Choose the class of survey tables.",
            fields={"output_class": "This holds counts of people."},
        )


def _refuse_differences(request: _Request, made: _Content) -> None:
    """SD-09: no count, and no rest of a whole, whose people differ by 1 to k-1 from those of an earlier one."""
    rule = rule_for(request.evaluation, request.output_class)
    sets = {
        count.digest: count.respondents
        for each in made.protected
        for count in each.counts
        if not count.is_hidden and count.respondents is not None
    }
    new = list(with_rests(sets, dict(pair for one in made.protected for pair in one.wholes)).items())
    if rule.is_exempt or rule.smallest < 2 or not new:
        return
    found = clashes(new, ledger.published(request.evaluation), rule.smallest)
    if not found:
        return
    names = {count.digest: count.definition for each in made.protected for count in each.counts}
    raise NotReady(_difference_words(found, names, rule.smallest, _labels_for(request)))


def _labels_for(request: _Request) -> frozenset[str]:
    """Labels of the releases that the person may see; of others they learn no number."""
    seen = Release.objects.filter(evaluation=request.evaluation)
    if request.by is not None:
        seen = seen.visible_to(request.by)
    return frozenset(f"R{number}" for number in seen.values_list("number", flat=True))


def _difference_words(
    found: Sequence[Clash], names: dict[str, str], smallest: int, labels: frozenset[str]
) -> str:
    """Says which counts and which release, not by how many people: that must not be known."""
    first = found[0]
    earlier = f"release {first.release}" if first.release in labels else "an earlier release"
    n_more = len({cell_of(clash.digest) for clash in found}) - 1
    more = f" and {n_more} more" if n_more else ""
    return (
        f"This cannot be released. The count “{names[cell_of(first.digest)]}”{more} covers almost the same people "
        f"as a count in {earlier}: anyone holding both could subtract one from the other and "
        f"learn about fewer than {smallest} people. Use the same data and filter as before, or a filter that "
        f"differs more."
    )


def _refuse_sums(request: _Request, made: _Content) -> None:
    """Run the attacker's programme over everything published that sums connect with the new tables.

    Where the published sums contradict each other, because the data changed in between, nobody can say what they
    give away together: then nothing is released until they agree again.
    """
    rule = rule_for(request.evaluation, request.output_class)
    new_equations = [each for one in made.protected for each in one.equations]
    if rule.is_exempt:
        return
    shown: dict[str, int] = {}
    hidden: set[str] = set()
    equations: list[Equation] = []
    wholes: dict[str, str] = {}
    earlier = Release.objects.filter(evaluation=request.evaluation).exclude(
        output_class=OutputClass.ORGANISATIONAL
    )
    for release in earlier.order_by("number").prefetch_related("cells"):
        for cell in release.cells.all():
            if cell.is_hidden:
                hidden.add(cell.digest)
            else:
                shown[cell.digest] = cell.value
        equations += [Equation(total, tuple(parts)) for total, parts in release.equations]
        wholes |= release.wholes
    for one in made.protected:
        hidden |= {count.digest for count in one.counts if count.is_hidden}
        shown |= {count.digest: count.value for count in one.counts if not count.is_hidden}
        wholes |= dict(one.wholes)
    # A cell shown once and hidden later is known to whoever kept the earlier file; it is lost, not protected.
    hidden -= shown.keys()
    equations = list(dict.fromkeys([*equations, *new_equations]))
    new = {count.digest for one in made.protected for count in one.counts}
    connected = _connected(new, equations, wholes)
    hidden &= connected
    touched = [each for each in equations if each.total in connected and hidden & {each.total, *each.parts}]
    if not touched:
        return
    try:
        narrow = narrowed(shown, hidden, touched, wholes, rule.smallest)
    except Contradiction:
        raise NotReady(
            "This cannot be released. Its counts and those published before do not add up, because the data have "
            "changed in between, so it cannot be checked what both together would give away. Leave out the totals, "
            "or release again everything that was published with them, from the present data and in one table."
        ) from None
    if narrow:
        raise NotReady(
            f"This cannot be released. Together with what was published before, {len(narrow)} hidden "
            f"count{'s' if len(narrow) > 1 else ''} could be worked out from the totals. Leave out the "
            f"totals, or release it with the same breakdown as before."
        )


def _connected(new: set[str], equations: Sequence[Equation], wholes: dict[str, str]) -> set[str]:
    """The counts that a chain of sums or of parts and wholes connects with the new ones."""
    links = [{each.total, *each.parts} for each in equations] + [set(pair) for pair in wholes.items()]
    of: dict[str, list[set[str]]] = {}
    for link in links:
        for digest in link:
            of.setdefault(digest, []).append(link)
    found, waiting = set(new), list(new)
    while waiting:
        for link in of.pop(waiting.pop(), ()):
            fresh = link - found
            found |= fresh
            waiting += fresh
    return found


def _filename(release: Release) -> str:
    """Made of the study's address and the number alone: titles may hold anything."""
    suffix = {
        FileFormat.CSV_PLAIN: as_csv.PLAIN_SUFFIX,
        FileFormat.CSV_GUARDED: as_csv.GUARDED_SUFFIX,
        FileFormat.JSON: as_json.SUFFIX,
        FileFormat.XLSX: as_xlsx.SUFFIX,
        FileFormat.DOCX: as_docx.SUFFIX,
        FileFormat.PDF: as_pdf.SUFFIX,
    }[FileFormat(release.file_format)]
    draft = "-draft" if release.state == State.DRAFT else ""
    return f"{release.evaluation.slug}-release-{release.number}{draft}{suffix}"


def _content_type(release: Release) -> str:
    return {
        FileFormat.CSV_PLAIN: as_csv.CONTENT_TYPE,
        FileFormat.CSV_GUARDED: as_csv.CONTENT_TYPE,
        FileFormat.JSON: as_json.CONTENT_TYPE,
        FileFormat.XLSX: as_xlsx.CONTENT_TYPE,
        FileFormat.DOCX: as_docx.CONTENT_TYPE,
        FileFormat.PDF: as_pdf.CONTENT_TYPE,
    }[FileFormat(release.file_format)]
