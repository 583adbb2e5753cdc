"""Who gets which answer from consent's pages. Everything in the world stands at site A."""

import datetime as dt
from typing import Any

from tests.access.table import Row

STATUS = {"lead": 200, "fieldwork": 200, "researcher": 200, "writer": 403, "data_protection": 200}
READ = {**STATUS, "researcher": 403}
EDIT = {"lead": 403, "fieldwork": 200, "researcher": 403, "writer": 403, "data_protection": 403}
# What a member of another site may not know of is answered as if it were not there.
HIDDEN = {"other_site": 404}


def sent(**expected: int) -> dict[str, int]:
    """The same for an act that answers with a redirect."""
    return {name: 302 if status == 200 else status for name, status in expected.items()}


def build(world: dict[str, Any]) -> None:
    from consent import recruiting, signing, withdrawal
    from consent.rosters import Listed

    study, fieldwork, site = world["study"], world["fieldwork"], world["study"].sites.get(code="A")
    wave = site.waves.get(phase__code="12m")
    version = signing.create_form(
        study,
        title="Interview",
        audience="staff",
        text="We ask you to take part.",
        items=[("take_part", "I take part."), ("record", "I agree to be recorded.")],
        by=fieldwork,
    )
    signing.publish(version, by=fieldwork)

    def person(name: str, state: str) -> Any:
        made = recruiting.add_person(
            study,
            site=site,
            kind="staff",
            details={"name": name, "phone": "01632 960123"},
            by=fieldwork,
            wave=wave,
            group="practitioners",
        )
        for step in ("approached", "agreed_to_contact", "informed"):
            recruiting.move_recruitment(made, to=step, by=fieldwork)
            if step == state:
                break
        return made

    signed = person("Alma Access", "informed")
    consent = signing.record_consent(
        signed,
        version=version,
        answers={"take_part": "yes", "record": "yes"},
        mode="paper",
        taken_where="workplace",
        taken_at=dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC),
        phases=[wave.phase],
        by=fieldwork,
    )
    draft_version = signing.new_version(version, by=fieldwork)
    world |= {
        "participant": signed,
        "consent": consent,
        "consent_form": version.form,
        "form_version": version,
        "draft_version": draft_version,
        "roster_draft": recruiting.stage_roster(
            study, site=site, kind="staff", people=[Listed(row=2, name="Bea Access")], by=fieldwork
        ),
        "withdrawal": withdrawal.withdraw(person("Cy Access", "approached"), scope="contact", by=fieldwork),
        "recruitable": person("Di Access", "approached"),
    }


ROWS = [
    Row("consent:people", {}, **STATUS, other_site=200),
    Row("consent:person", {"pk": "participant"}, **STATUS, **HIDDEN),
    Row("consent:person-add", {}, **EDIT, other_site=200),
    Row("consent:roster", {}, **EDIT, other_site=200),
    Row("consent:roster-preview", {"pk": "roster_draft"}, **EDIT, **HIDDEN),
    Row(
        "consent:recruitment",
        {"pk": "recruitable"},
        method="POST",
        data={"to": "agreed_to_contact"},
        **sent(**EDIT),
        **HIDDEN,
    ),
    Row(
        "consent:age",
        {"pk": "participant"},
        method="POST",
        data={"age_band": "adult"},
        **sent(**EDIT),
        **HIDDEN,
    ),
    Row(
        "consent:contact-reveal",
        {"pk": "participant"},
        method="POST",
        lead=403,
        fieldwork=200,
        researcher=403,
        writer=403,
        data_protection=200,
        other_site=404,
    ),
    Row("consent:contact-edit", {"pk": "participant"}, **EDIT, **HIDDEN),
    Row("consent:membership", {"pk": "participant"}, **EDIT, **HIDDEN),
    Row("consent:sign", {"pk": "participant", "version": "form_version"}, **EDIT, **HIDDEN),
    Row("consent:withdraw", {"pk": "participant"}, **{**EDIT, "data_protection": 200}, **HIDDEN),
    Row("consent:signed", {"pk": "consent"}, **READ, **HIDDEN),
    Row("consent:set-aside", {"pk": "consent"}, **EDIT, **HIDDEN),
    Row("consent:forms", {}, **READ, other_site=200),
    Row("consent:form-add", {}, **EDIT, other_site=200),
    Row("consent:form", {"pk": "consent_form"}, **READ, other_site=200),
    Row("consent:version-edit", {"pk": "draft_version"}, **EDIT, other_site=200),
    Row("consent:version-publish", {"pk": "draft_version"}, **EDIT, other_site=200),
    Row(
        "consent:version-copy",
        {"pk": "form_version"},
        method="POST",
        **{**EDIT, "fieldwork": 409},
        other_site=409,
    ),
    Row("consent:withdrawals", {}, **READ, other_site=200),
    Row("consent:receipt", {"pk": "withdrawal"}, **READ, **HIDDEN),
    # Last: it takes the list away.
    Row("consent:roster-discard", {"pk": "roster_draft"}, method="POST", **sent(**EDIT), **HIDDEN),
]
