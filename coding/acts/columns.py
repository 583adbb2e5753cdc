"""Columns follow the codebook: a new subtheme has its column at once, and nothing that was charted ever goes."""

from __future__ import annotations

from coding.models import Code, Codebook, Column, Matrix


def follow_codebook(book: Codebook) -> None:
    """Give every subtheme in use a column in its theme's matrix; drop columns that no longer belong and hold nothing.

    Part of other acts: call inside their transaction, after the codes changed.
    """
    for matrix in Matrix.objects.filter(theme__codebook=book).prefetch_related("columns"):
        subthemes = list(Code.objects.in_use().filter(parent_id=matrix.theme_id))
        wanted = {code.pk for code in subthemes}
        stray = [c.pk for c in matrix.columns.all() if c.subtheme_id and c.subtheme_id not in wanted]
        Column.objects.filter(pk__in=stray, cells__isnull=True).delete()
        for order, code in enumerate(subthemes, start=1):
            Column.objects.update_or_create(matrix=matrix, subtheme=code, defaults={"order": order})
        # What emerged beyond the theme stays last.
        matrix.columns.filter(subtheme=None).update(order=len(subthemes) + 1)
