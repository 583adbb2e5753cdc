"""Quotes and matrices leave the study here, each as a release. Part of the acts: checks rights, then publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from coding import frames, grids, quotes, runs, tables
from coding.models import Cell, Code, Matrix, QuoteLink
from coding.quotes import Gathered, Quote
from exports.table import Cover, Table
from ipe import roles
from ipe.words import OutputClass
from releases.publishing import Published, publish_document, publish_table, publish_workbook

if TYPE_CHECKING:
    from ipe.models import Evaluation, Site, User


def publish_quotes(code: Code, *, file_format: str, purpose: str, recipients: str, by: User) -> Published:
    """Release every quote under a code, of the sites that the person may read, as XLSX or DOCX.

    Left out, and counted in the file, is what the people quoted did not agree to. Needs text.read and a role that
    makes or drafts releases. Raises what `releases.publishing` raises.
    """
    evaluation = code.codebook.evaluation
    roles.require(by, "text.read", evaluation)
    # The number of a text leads to its site: matrices that have left, or will, print both.
    gathered = quotes.gather(quotes.quotes_under(code, by, shows_site=True))
    title = f"Quotes: {code.name}"
    people, names, site = people_in(gathered), _names(recipients), only_site(evaluation, by)
    cover = _cover(evaluation, by, gathered)
    if file_format == "docx":
        return publish_document(
            tables.quotes_document(
                title, code.definition, gathered, smallest_group=evaluation.quote_minimum_group
            ).with_cover(cover),
            by=by,
            evaluation=evaluation,
            site=site,
            output_class=OutputClass.QUALITATIVE,
            purpose=purpose,
            file_format=file_format,
            recipients=names,
            quoted=people,
        )
    return publish_table(
        tables.quotes_table(title, gathered).with_cover(cover),
        by=by,
        evaluation=evaluation,
        site=site,
        output_class=OutputClass.QUALITATIVE,
        purpose=purpose,
        file_format=file_format,
        recipients=names,
        quoted=people,
    )


def publish_matrix(
    matrix: Matrix, *, purpose: str, recipients: str, by: User, file_format: str = "xlsx"
) -> Published:
    """Release a matrix as a workbook: the theme's sheet and the quotes that it links to. As `publish_quotes` otherwise."""
    evaluation = matrix.theme.codebook.evaluation
    roles.require(by, "text.read", evaluation)
    (sheet, *more), gathered, people = matrix_content(matrix, by)
    return publish_workbook(
        [sheet.with_cover(_cover(evaluation, by, gathered)), *more],
        title=f"Matrix: {matrix.theme.name}",
        by=by,
        evaluation=evaluation,
        site=only_site(evaluation, by),
        output_class=OutputClass.QUALITATIVE,
        purpose=purpose,
        recipients=_names(recipients),
        quoted=people | people_in(gathered),
    )


def matrix_quotes(matrix: Matrix, user: User) -> Gathered:
    """The passages that the matrix quotes, of the rows that the person may read: what may leave, and what not."""
    return quotes.gather(_linked(matrix, user).values())


def matrix_content(matrix: Matrix, user: User) -> tuple[list[Table], Gathered, set[UUID]]:
    """(the theme's sheet and its quotes, what of the quotes leaves, people who have a row of their own)."""
    linked = _linked(matrix, user)
    gathered = quotes.gather(linked.values())
    cases = grids.cases_of(matrix, user)
    # Attributes leave generalised, whoever exports.
    shown = grids.rows(matrix, cases, may_see_roles=False)
    may_leave = {pk: quote for pk, quote in linked.items() if not quote.barrier}
    sheet, quoted = tables.matrix_tables(
        matrix.theme.name, grids.columns_of(matrix), shown, may_leave, gathered.notes()
    )
    return [sheet, quoted], gathered, {case.participant_id for case in cases if case.participant_id}


def people_in(gathered: Gathered) -> set[UUID]:
    return {person for quote in gathered.quotes for person in quote.people}


def only_site(evaluation: Evaluation, user: User) -> Site | None:
    """The site of a release by somebody who has just one; None for the whole study, or for several sites."""
    sites = roles.sites_for(user, "text.read", evaluation)
    if sites is None or len(sites) != 1:
        return None
    return evaluation.sites.get(pk=next(iter(sites)))


def _cover(evaluation: Evaluation, user: User, gathered: Gathered) -> Cover:
    """Which sites it is about, and how many of their quotes it holds."""
    sites = roles.sites_for(user, "text.read", evaluation)
    names = [] if sites is None else evaluation.sites.filter(pk__in=sites).values_list("name", flat=True)
    n = len(gathered.quotes)
    return Cover(
        study=evaluation.title,
        made_at=timezone.now(),
        filter="Every site" if sites is None else f"Sites: {', '.join(names)}",
        base=f"{n} of {n + gathered.n_left_out} quotes",
    )


def _names(recipients: str) -> list[str]:
    return [name.strip() for name in recipients.split(",") if name.strip()]


def _linked(matrix: Matrix, user: User) -> dict[str, Quote]:
    cells = list(Cell.objects.visible_to(user).filter(column__matrix=matrix))
    used = {quote for cell in cells for quote in runs.quotes(cell.parsed())}
    links = list(QuoteLink.objects.filter(cell__in=[cell.pk for cell in cells], pk__in=used))
    # A quote stands beside its case, whose site is shown.
    source = quotes.Source(
        matrix.theme.codebook.evaluation, {link.version_id for link in links}, shows_site=True
    )
    words = frames.words((link.version_id, link.start, link.end) for link in links)
    found: dict[str, Quote] = {}
    for link in links:
        place = (link.version_id, link.start, link.end)
        if place in words:
            found[str(link.pk)] = quotes.quote_of(source, quotes.Passage(*place), words[place])
    return found
