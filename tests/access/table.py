"""The shape of the one table of expected answers: every URL, every kind of person."""

from __future__ import annotations

from dataclasses import dataclass, field

PEOPLE = (
    "lead",
    "fieldwork",
    "researcher",
    "writer",
    "data_protection",
    "other_site",
    "outsider",
    "anonymous",
)


@dataclass(frozen=True)
class Row:
    """The status that each kind of person gets.

    `kwargs` maps URL arguments to names in the world (a row's id is taken), and `slug` is filled in.
    `slug=False` for addresses outside a study. A POST row sends `data` (values may name world entries by "@name").
    """

    url: str
    kwargs: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    data: dict[str, object] = field(default_factory=dict)
    slug: bool = True
    lead: int = 200
    fieldwork: int = 200
    researcher: int = 200
    writer: int = 200
    data_protection: int = 200
    other_site: int = 200
    outsider: int = 404
    anonymous: int = 302
