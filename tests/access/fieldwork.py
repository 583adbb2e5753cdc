"""Who gets which answer from fieldwork's pages. Everything in the world stands at site A."""

import datetime as dt
from typing import Any

from tests.access.table import Row

STATUS = {"lead": 200, "fieldwork": 200, "researcher": 200, "writer": 403, "data_protection": 200}
EDIT = {"lead": 403, "fieldwork": 200, "researcher": 403, "writer": 403, "data_protection": 403}
DESIGN = {"lead": 200, "fieldwork": 403, "researcher": 403, "writer": 403, "data_protection": 403}
ORIGINALS = {"lead": 403, "fieldwork": 200, "researcher": 403, "writer": 403, "data_protection": 200}
# What a member of another site may not know of is answered as if it were not there.
HIDDEN = {"other_site": 404}


def build(world: dict[str, Any]) -> None:
    from consent import recruiting, signing
    from fieldwork import booking, planning, recordings

    study, fieldwork, site = world["study"], world["fieldwork"], world["study"].sites.get(code="A")
    wave = site.waves.get(phase__code="12m")
    version = signing.create_form(
        study,
        title="Fieldwork interview",
        audience="staff",
        text="We ask you to take part.",
        items=[("take_part", "I take part."), ("record", "I agree to be recorded.")],
        by=fieldwork,
    )
    signing.publish(version, by=fieldwork)
    person = recruiting.add_person(
        study, site=site, kind="staff", details={"name": "Edda Access"}, by=fieldwork
    )
    for step in ("approached", "agreed_to_contact", "informed"):
        recruiting.move_recruitment(person, to=step, by=fieldwork)
    signing.record_consent(
        person,
        version=version,
        answers={"take_part": "yes", "record": "yes"},
        mode="paper",
        taken_where="workplace",
        taken_at=dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC),
        phases=[wave.phase],
        by=fieldwork,
    )
    row = planning.write_row(
        study, code="access", method="interview", group="leaders", number=2, phases=[wave.phase]
    )
    begins = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
    activity = booking.book(
        wave,
        method="interview",
        group="leaders",
        plan_row=row,
        starts_at=begins,
        ends_at=begins + dt.timedelta(hours=1),
        place_kind="online",
        participants=[person],
        researchers=[world["researcher"]],
        by=fieldwork,
    )
    world |= {
        "contactable": person,
        "plan_row": row,
        "activity": activity,
        "recording": recordings.add_recording(activity, upload=b"RIFF....WAVE", by=fieldwork),
    }


ROWS = [
    Row("fieldwork:schedule", {}, **STATUS, other_site=200),
    Row("fieldwork:quotas", {}, **STATUS, other_site=200),
    Row("fieldwork:plan-add", {}, **DESIGN, other_site=403),
    Row("fieldwork:plan-row", {"pk": "plan_row"}, **DESIGN, other_site=403),
    Row("fieldwork:plan-remove", {"pk": "plan_row"}, **DESIGN, other_site=403),
    Row("fieldwork:book", {}, **EDIT, other_site=200),
    Row("fieldwork:activity", {"pk": "activity"}, **STATUS, **HIDDEN),
    Row("fieldwork:change", {"pk": "activity"}, **EDIT, **HIDDEN),
    Row("fieldwork:done", {"pk": "activity"}, **EDIT, **HIDDEN),
    Row("fieldwork:cancel", {"pk": "activity"}, **EDIT, **HIDDEN),
    Row("fieldwork:recording-add", {"pk": "activity"}, **{**EDIT, "researcher": 200}, **HIDDEN),
    Row("fieldwork:recording-read", {"pk": "recording"}, method="POST", **ORIGINALS, **HIDDEN),
    Row("fieldwork:recording-destroy", {"pk": "recording"}, **ORIGINALS, **HIDDEN),
    Row("fieldwork:export", {}, **EDIT, other_site=200),
    Row("fieldwork:attempt", {"pk": "contactable"}, **EDIT, **HIDDEN),
]
