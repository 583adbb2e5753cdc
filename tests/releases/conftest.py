from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from exports.table import Column, Count, Share, Table


def people(first: int, last: int, prefix: str = "r") -> list[str]:
    """Opaque respondents first … last - 1."""
    return [f"{prefix}{number}" for number in range(first, last)]


def answers_table(
    *rows: tuple[str, Iterable[str], Iterable[str]], title: str = "Answers", subject: str = "answers"
) -> Table:
    """Rows of (item, who agreed, who answered)."""
    columns = [
        Column("item", "Item"),
        Column("agree", "Agree", "count", part_of="base"),
        Column("base", "Base", "count"),
        Column("percent", "Agree %", "percent", depends=("agree", "base")),
    ]
    cells = []
    for item, agreed, answered in rows:
        agree, base = Count.of(agreed), Count.of(answered)
        cells.append([item, agree, base, Share(agree.value, base.value)])
    return Table.of(title, columns, cells, subject=subject)


@pytest.fixture
def publish(study: Any, writer: Any) -> Callable[..., Any]:
    """Publish a table as the report writer, unless told otherwise."""
    from releases.publishing import publish_table

    def published(table: Table, **changes: Any) -> Any:
        return publish_table(
            table,
            **{
                "by": writer,
                "evaluation": study,
                "output_class": "survey",
                "purpose": "Interim report",
                "file_format": "csv",
                **changes,
            },
        )

    return published


@pytest.fixture
def participant(study: Any, site_a: Any) -> Any:
    from consent.models import Participant
    from consent.states import Kind

    return Participant.objects.create(evaluation=study, site=site_a, code="P-001", kind=Kind.STAFF)
