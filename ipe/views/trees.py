"""Rows with parents, listed so that children stand below their parent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def in_tree_order(rows: Iterable[Any]) -> list[Any]:
    """The rows, each followed by its children; every row gets a `depth` of 0 and more.

    A row whose parent is not among the rows stands at the top, so that none is lost.
    """
    listed = list(rows)
    known = {row.pk for row in listed}
    children: dict[Any, list[Any]] = {}
    for row in listed:
        children.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)
    ordered: list[Any] = []
    waiting = [(row, 0) for row in reversed(children.get(None, []))]
    while waiting:
        row, depth = waiting.pop()
        row.depth = depth
        ordered.append(row)
        waiting += [(child, depth + 1) for child in reversed(children.get(row.pk, []))]
    return ordered
