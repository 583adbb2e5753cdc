"""The schedule of a site as a release: codes only, no names, no places."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from exports.table import Column, Cover, Table
from fieldwork.frames import STANDING
from fieldwork.models import Activity
from ipe import roles
from ipe.models import Evaluation, Site, User
from ipe.words import OutputClass
from releases import publishing
from releases.models import FileFormat
from releases.publishing import Published

FORMATS = (FileFormat.XLSX, FileFormat.CSV_GUARDED, FileFormat.CSV_PLAIN, FileFormat.PDF)

COLUMNS = (
    Column("activity", "Activity"),
    Column("site", "Site"),
    Column("phase", "Phase"),
    Column("method", "Method"),
    Column("group", "Group"),
    Column("day", "Day", "date"),
    Column("begins", "From"),
    Column("ends", "To"),
    Column("people", "People"),
    Column("researchers", "Researchers"),
    Column("state", "State"),
)


def schedule_table(activities: Sequence[Activity], *, study: Evaluation, site: Site) -> Table:
    """One row for each activity in the order given; people by code, times by the clock of the site."""
    rows = []
    for activity in activities:
        starts = timezone.localtime(activity.starts_at) if activity.starts_at else None
        ends = timezone.localtime(activity.ends_at) if activity.ends_at else None
        people = [b.participant.code for b in activity.bookings.all() if b.state in STANDING]
        rows.append(
            {
                "activity": activity.code,
                "site": activity.wave.site.name,
                "phase": activity.wave.phase.name,
                "method": activity.get_method_display(),
                "group": activity.get_group_display(),
                "day": starts.date() if starts else None,
                "begins": f"{starts:%H:%M}" if starts else "",
                "ends": f"{ends:%H:%M}" if ends else "",
                "people": ", ".join(sorted(people)),
                "researchers": ", ".join(user.name for user in activity.researchers.all()),
                "state": activity.get_state_display(),
            }
        )
    cover = Cover(study=study.title, made_at=timezone.now(), filter=f"Site: {site.name}", base="Activities")
    return Table.of("Schedule", COLUMNS, rows, cover=cover, subject="schedule", freeze_columns=1)


@transaction.atomic
def export_schedule(
    site: Site, *, purpose: str, file_format: str, by: User, recipients: Sequence[str] = ()
) -> Published:
    """Release the schedule of one site; the people in it are listed with the release, for a later recall.

    Raises
        Refused, NotFound: Not a fieldwork lead of this site.
        Invalid: No purpose, or a format that a table has not.
    """
    study = site.evaluation
    roles.require(by, "releases.own_schedule", study, site)
    activities = list(
        Activity.objects.filter(evaluation=study, wave__site=site)
        .visible_to(by)
        .select_related("wave__site", "wave__phase")
        .prefetch_related("researchers", "bookings__participant")
    )
    people = {b.participant for a in activities for b in a.bookings.all() if b.state in STANDING}
    return publishing.publish_table(
        schedule_table(activities, study=study, site=site),
        by=by,
        evaluation=study,
        site=site,
        output_class=OutputClass.ORGANISATIONAL,
        purpose=purpose,
        file_format=file_format,
        recipients=recipients,
        quoted=people,
        is_schedule=True,
    )
