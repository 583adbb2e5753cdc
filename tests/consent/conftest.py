"""People and forms of the study, made by the acts themselves."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

ITEMS = (
    ("take_part", "I agree to take part in an interview."),
    ("record", "I agree that the interview is recorded."),
    ("quote", "I agree that my words may be quoted without my name."),
)
SIGNED_AT = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)


@pytest.fixture
def add(study: Any, site_a: Any, fieldwork: Any) -> Callable[..., Any]:
    """`add("Zoë Ó Briain")`: a person at site A, informed, with further fields of `add_person`."""
    from consent import recruiting

    def added(name: str = "Zoë Ó Briain", *, informed: bool = True, by: Any = None, **fields: Any) -> Any:
        details = {"name": name, **fields.pop("details", {})}
        values = {"site": site_a, "kind": "staff", "by": by or fieldwork, **fields}
        person = recruiting.add_person(study, details=details, **values)
        for state in ("approached", "agreed_to_contact", "informed") if informed else ():
            recruiting.move_recruitment(person, to=state, by=by or fieldwork)
        person.refresh_from_db()
        return person

    return added


@pytest.fixture
def form(study: Any, fieldwork: Any) -> Callable[..., Any]:
    """`form(audience="staff")`: a form with one version, in use."""
    from consent import signing

    def made(audience: str = "staff", items: Any = ITEMS, title: str = "") -> Any:
        version = signing.create_form(
            study,
            title=title or f"Form for {audience}",
            audience=audience,
            text="We would like to talk with you about your work.",
            items=items,
            by=fieldwork,
        )
        return signing.publish(version, by=fieldwork)

    return made


@pytest.fixture
def sign(study: Any, fieldwork: Any) -> Callable[..., Any]:
    """`sign(person, version, quote="no")`: a consent for 12m; every item yes unless named."""
    from consent import signing

    def signed(person: Any, version: Any, *, phases: tuple[str, ...] = ("12m",), **answers: Any) -> Any:
        changes = {
            name: answers.pop(name) for name in ("signatory", "taken_at", "mode", "by") if name in answers
        }
        said = {item.code: "yes" for item in version.items.all()} | answers
        values = {"mode": "paper", "taken_at": SIGNED_AT, "by": fieldwork, **changes}
        return signing.record_consent(
            person,
            version=version,
            answers=said,
            taken_where="workplace",
            phases=list(study.phases.filter(code__in=phases)),
            **values,
        )

    return signed
