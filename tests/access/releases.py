"""Who may open and do what in the register of releases: one row of site A, one of the whole study."""

from __future__ import annotations

from typing import Any

from tests.access.table import Row


def build(world: dict[str, Any]) -> None:
    from django.utils import timezone

    from exports.table import Column, Count, Table
    from ipe.words import OutputClass
    from releases.models import Recall
    from releases.publishing import publish_table

    table = Table.of(
        "Staff who answered",
        [Column("team", "Team"), Column("n", "Staff", "count")],
        [["Team 1", Count.of(f"response-{number}" for number in range(30))]],
    )
    shared: dict[str, Any] = {
        "by": world["writer"],
        "evaluation": world["study"],
        "output_class": OutputClass.SURVEY,
        "purpose": "Interim report",
        "file_format": "xlsx",
        "recipients": ["The funder"],
    }
    world["release"] = publish_table(table, site=world["site_a"], **shared).release
    world["release_recipient"] = world["release"].recipients.get()
    world["release_of_study"] = publish_table(table, **shared).release
    world["release_nobody_has"] = publish_table(
        table, site=world["site_a"], **{**shared, "recipients": []}
    ).release
    for name in ("release", "release_nobody_has"):
        Recall.objects.create(release=world[name], cause=Recall.Cause.COUNTED, asked_at=timezone.now())


_RELEASE = {"pk": "release"}
_TOLD = {"pk": "release", "recipient": "release_recipient"}

ROWS = [
    Row("releases:releases"),
    Row("releases:release", _RELEASE, fieldwork=404, other_site=404),
    # Figures of every site: not for members of one.
    Row(
        "releases:release",
        {"pk": "release_of_study"},
        fieldwork=404,
        researcher=404,
        other_site=404,
    ),
    Row(
        "releases:recipient-add",
        _RELEASE,
        method="POST",
        data={"who": "The steering group"},
        lead=403,
        fieldwork=404,
        researcher=403,
        writer=302,
        data_protection=403,
        other_site=404,
    ),
    Row(
        "releases:recipient-told",
        _TOLD,
        method="POST",
        lead=302,
        fieldwork=404,
        researcher=403,
        writer=302,
        data_protection=302,
        other_site=404,
    ),
    Row(
        "releases:recall-settle",
        {"pk": "release_nobody_has"},
        method="POST",
        lead=302,
        fieldwork=404,
        researcher=403,
        writer=302,
        data_protection=302,
        other_site=404,
    ),
]
