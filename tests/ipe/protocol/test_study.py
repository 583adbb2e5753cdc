"""Import and export: all or nothing, audited, refused where it costs evidence, each the other's inverse."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ipe import audit, rooms
from ipe.errors import Refused
from ipe.models import (
    AuditEvent,
    ContextEvent,
    Evaluation,
    Indicator,
    Member,
    Phase,
    ResearchQuestion,
    Site,
    Team,
    Threshold,
    ThresholdChange,
    Wave,
)
from ipe.protocol.canonical import as_document
from ipe.protocol.problems import ProtocolRefused
from ipe.protocol.reading import read_protocol
from ipe.protocol.source import read_source
from ipe.protocol.study import export_protocol, import_protocol, preview_protocol
from tests.conftest import make_member, make_user
from tests.ipe.protocol.files import SHIPPED, SMALL, STUDIES, shipped

pytestmark = pytest.mark.usefixtures("db")
DESIGN = (
    Evaluation,
    ResearchQuestion,
    Phase,
    Site,
    Team,
    Wave,
    ContextEvent,
    Indicator,
    Threshold,
    ThresholdChange,
)


def changed(*edits: tuple[str, str], text: str = SMALL) -> bytes:
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


def counts() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (*DESIGN, AuditEvent, Member)}


def lines(report: Any) -> dict[str, tuple[int, int, int]]:
    return {line.label: (line.added, line.changed, line.removed) for line in report.changes}


def loaded(text: str = SMALL) -> Evaluation:
    return import_protocol(text.encode(), by=None).evaluation


def refused(data: bytes, **kwargs: Any) -> str:
    before = counts()
    with pytest.raises(ProtocolRefused) as caught:
        import_protocol(data, **{"by": None, **kwargs})
    assert counts() == before
    return " | ".join(map(str, caught.value.problems))


@pytest.fixture
def creator(db: None) -> Any:
    user = make_user("creator@example.org", "Cara Creator")
    user.may_create_studies = True
    user.save()
    return user


def test_import_makes_every_row() -> None:
    report = import_protocol(SMALL.encode(), by=None, filename="small.yaml")
    assert report.is_new
    assert lines(report) == {
        "study": (1, 0, 0),
        "research questions": (2, 0, 0),
        "phases": (2, 0, 0),
        "sites": (2, 0, 0),
        "teams": (2, 0, 0),
        "waves": (4, 0, 0),
        "context events": (1, 0, 0),
        "indicators": (2, 0, 0),
        "thresholds": (1, 0, 0),
    }
    study = Evaluation.objects.get(slug="small")
    assert study.questions.get(code="1a").parent.code == "1"
    assert Team.objects.get(site__evaluation=study, code="t1").parent.code == "district"
    assert {(w.site.code, w.phase.code): (w.is_planned, w.starts_on) for w in Wave.objects.all()} == {
        ("north", "pre"): (True, dt.date(2024, 1, 1)),
        ("north", "12m"): (False, None),
        ("south", "pre"): (True, None),
        ("south", "12m"): (True, None),
    }
    threshold = Threshold.objects.get()
    assert (threshold.value, threshold.phase.code, threshold.scope) == (Decimal("70.5"), "12m", "overall")
    assert threshold.bands[1] == {"name": "amend", "at_least": "50", "below": "70"}


def test_import_is_audited_in_counts_only() -> None:
    study = loaded()
    events = AuditEvent.objects.filter(evaluation=study).order_by("number")
    assert [event.action for event in events] == ["study.created", "protocol.imported"]
    assert events[1].counts["thresholds added"] == 1
    assert audit.verify().is_whole


def test_creator_becomes_evaluation_lead(creator: Any) -> None:
    study = import_protocol(SMALL.encode(), by=creator).evaluation
    member = Member.objects.get(evaluation=study)
    assert (member.user, member.role, member.all_sites) == (creator, "evaluation_lead", True)


def test_new_study_needs_the_right_to_create(lead: Any) -> None:
    before = counts()
    with pytest.raises(Refused):
        import_protocol(SMALL.encode(), by=lead)
    assert counts() == before


def test_update_needs_the_right_to_edit(study: Any, researcher: Any, other_site: Any, outsider: Any) -> None:
    data = export_protocol(study)
    for person in (researcher, other_site):
        with pytest.raises(Refused):
            import_protocol(data, by=person)
    with pytest.raises(ProtocolRefused, match="taken by another study"):
        import_protocol(data, by=outsider)


def test_lead_of_one_site_cannot_import(study: Any, site_a: Any) -> None:
    user = make_user("some@example.org", "Sol Some")
    make_member(study, user, "evaluation_lead", site_a)
    with pytest.raises(Refused):
        import_protocol(export_protocol(study), by=user)


def test_section_left_out_must_still_fit() -> None:
    loaded()
    told = refused(b"evaluation: {slug: small, title: T}\nphases: [{code: pre, name: Before}]\n")
    assert "The file, indicators (left out, so as the study has them): There is no phase “12m”." in told


def test_codes_of_another_study_are_not_told(outsider: Any) -> None:
    loaded()
    part = b"evaluation: {slug: small, title: T}\n"
    part += b"context_events: [{happened_on: 2024-02-01, title: X, site: z}]\n"
    with pytest.raises(ProtocolRefused) as caught:
        import_protocol(part, by=outsider)
    assert "north" not in caught.value.message


def test_file_about_another_study_is_refused(study: Any, lead: Any) -> None:
    with pytest.raises(ProtocolRefused, match="The file is about “small”; this study is “trial”"):
        import_protocol(SMALL.encode(), by=lead, evaluation=study)


def test_preview_changes_nothing_and_says_the_same() -> None:
    before = counts()
    report = preview_protocol(SMALL.encode(), by=None)
    assert report.is_preview
    assert counts() == before
    assert lines(report) == lines(import_protocol(SMALL.encode(), by=None))


def test_faulty_file_changes_nothing() -> None:
    loaded()
    assert "no site" in refused(changed(("site: north}", "site: nowhere}"), ("A small study", "Renamed")))


def test_importing_twice_changes_nothing() -> None:
    study = loaded()
    rows = {model: set(model.objects.values_list("pk", flat=True)) for model in DESIGN}
    report = import_protocol(SMALL.encode(), by=None)
    assert not report.is_new
    assert lines(report) == {}
    assert {model: set(model.objects.values_list("pk", flat=True)) for model in DESIGN} == rows
    assert Evaluation.objects.get().pk == study.pk


def test_update_counts_and_keeps_rows() -> None:
    study = loaded()
    kept = study.sites.get(code="north").pk
    lead_user = make_user("lead2@example.org", "Lea Lead")
    make_member(study, lead_user, "evaluation_lead")
    report = import_protocol(
        changed(
            ("title: A small study", "title: Renamed"),
            ("name: North", "name: Northern"),
            ("  - {code: south, name: South}\n", "  - {code: west, name: West}\n"),
            ("{code: t1, name: Team 1, parent: district}", "{code: t2, name: Team 2, parent: district}"),
            ("12m: not planned", "12m: {starts_on: 2025-04-01}"),
            ("title: Told", "title: Told again"),
            ("phases: [pre, 12m]", "phases: [12m]"),
            ("value: 70.5", "value: 70.5\n        minimum_base: 10"),
        ),
        by=lead_user,
    )
    assert lines(report) == {
        "study": (0, 1, 0),
        "sites": (1, 1, 1),
        "teams": (1, 0, 1),
        "waves": (2, 1, 0),
        "indicators": (0, 2, 0),
        "thresholds": (0, 1, 0),
    }
    assert study.sites.get(code="north").pk == kept
    assert [site.code for site in study.sites.all()] == ["north", "west"]
    change = ThresholdChange.objects.get()
    assert (change.before["minimum_base"], change.after["minimum_base"]) == (None, 10)
    assert (change.changed_by, change.had_data) == (lead_user, False)


def test_section_left_out_stays_and_an_empty_one_clears() -> None:
    study = loaded()
    import_protocol(b"evaluation: {slug: small, title: A small study}\n", by=None)
    assert study.indicators.count() == 2
    report = import_protocol(b"evaluation: {slug: small, title: A small study}\nindicators: []\n", by=None)
    assert lines(report) == {"indicators": (0, 0, 2)}
    assert study.indicators.count() == 0


def test_everything_can_go_in_one_file() -> None:
    study = loaded()
    empty = "evaluation: {slug: small, title: A small study}\n" + "".join(
        f"{name}: []\n" for name in ("research_questions", "phases", "sites", "context_events", "indicators")
    )
    import_protocol(empty.encode(), by=None)
    assert [study.questions.count(), study.phases.count(), study.sites.count(), Wave.objects.count()] == [
        0,
        0,
        0,
        0,
    ]


def test_threshold_changed_by_nobody_is_refused() -> None:
    loaded()
    assert "say who changes it" in refused(changed(("value: 70.5", "value: 71")))


def test_evidence_keeps_rows_and_asks_for_a_reason(study: Any, lead: Any) -> None:
    """Evidence is what a room says it is: here a room of the test's own stands on three rows."""
    loaded()
    small = Evaluation.objects.get(slug="small")
    make_member(small, lead, "evaluation_lead")
    held = {
        small.phases.get(code="pre").pk,
        small.indicators.get(code="1a-training").pk,
        Wave.objects.get(site__code="south", phase__code="12m").pk,
    }
    room = rooms.Room(
        "standing", "Standing", 99, evidence=lambda row: {"answers": 3} if row.pk in held else {}
    )
    rooms.register(room)
    try:
        told = refused(
            changed(
                ("{code: pre, name: Before, offset_months: -3}\n  - ", ""),
                ("    pre: {starts_on: 2024-01-01, ends_on: 2024-01-31}\n", ""),
                ("phases: [pre, 12m]", "phases: [12m]"),
            ),
            by=lead,
        )
        assert (
            "“pre” is not in the file. This cannot be removed, because something stands on it: 3 answers."
            in told
        )
        told = refused(changed(("waves:\n", "waves:\n  south: {12m: not planned}\n")), by=lead)
        assert "Line 21, waves › south › 12m: This phase cannot become “not planned”" in told
        told = refused(changed(("value: 70.5", "value: 71")), by=lead)
        assert "Give a reason" in told
        told = refused(
            changed(("methods: [survey]", "methods: [survey]\n    unit: rate")), by=lead, reason="x"
        )
        assert "The unit of “1a-training” cannot change" in told
        import_protocol(changed(("value: 70.5", "value: 71")), by=lead, reason="A misprint")
    finally:
        del rooms._rooms["standing"]
    change = ThresholdChange.objects.get()
    assert (change.reason, change.had_data, change.before["value"]) == ("A misprint", True, "70.5")


class Notes:
    """A section as a room would write it; it keeps its entries in the study's own lawful basis."""

    name = "notes"
    model = list[str]

    def read(self, evaluation: Evaluation) -> list[str]:
        return evaluation.lawful_basis.split("|") if evaluation.lawful_basis else []

    def write(self, evaluation: Evaluation, section: list[str], report: Any) -> None:
        if "bad" in section:
            raise Refused("No bad notes.")
        Evaluation.objects.filter(pk=evaluation.pk).update(lawful_basis="|".join(section))
        evaluation.refresh_from_db()


@pytest.fixture
def notes() -> Any:
    rooms.register(rooms.Room("notes", "Notes", 98, protocol_section=Notes()))
    yield
    del rooms._rooms["notes"]


def test_section_of_a_room_is_written_read_and_counted(notes: Any) -> None:
    text = SMALL + "notes: [one, two]\n"
    report = import_protocol(text.encode(), by=None)
    assert lines(report)["notes"] == (2, 0, 0)
    assert read_source(export_protocol(report.evaluation)).data["notes"] == ["one", "two"]
    assert "Line 41, notes: No bad notes." in refused((SMALL + "notes: [bad]\n").encode())


def test_section_of_a_room_that_is_not_installed_is_not_dropped() -> None:
    assert "There is no section “notes” here." in refused((SMALL + "notes: [one]\n").encode())


def document(data: bytes) -> dict[str, Any]:
    """What a file says, in the canonical form. Rooms may give entries that have a code in another order."""
    protocol = read_protocol(data, rooms={name: section.model for name, section in rooms.sections().items()})
    parts = {name: [part.model_dump() for part in section] for name, section in protocol.rooms.items()}
    return as_document(protocol.design) | {name: by_code(part) for name, part in parts.items()}


def by_code(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: by_code(one) for key, one in value.items()}
    if isinstance(value, list):
        entries = [by_code(one) for one in value]
        return sorted(entries, key=lambda one: str(one.get("code", "")) if isinstance(one, dict) else "")
    return value


@pytest.mark.parametrize("text", [SMALL, *SHIPPED])
def test_export_of_import_is_the_file(text: str) -> None:
    data = shipped(text) if text in SHIPPED else text.encode()
    study = import_protocol(data, by=None).evaluation
    exported = export_protocol(study)
    assert document(exported) == document(data)
    report = import_protocol(exported, by=None)
    assert lines(report) == {}
    assert export_protocol(study) == exported


def test_import_of_export_changes_nothing_for_a_study_made_by_hand(study: Any) -> None:
    indicator = Indicator.objects.create(
        evaluation=study, code="x", title="Vacancies", methods=["survey"], order=3
    )
    indicator.phases.set(study.phases.filter(code__in=["3m", "12m"]))
    for code in ("3m", "12m"):
        Threshold.objects.create(
            indicator=indicator,
            phase=study.phases.get(code=code),
            value=Decimal(20),
            comparator="at_most",
            bands=[{"name": "go", "at_most": "20.0"}, {"name": "stop", "above": "20.00"}],
        )
    ContextEvent.objects.create(
        evaluation=study, happened_on=dt.date(2025, 1, 1), title="“A: b” # – ’ \U0001f600 ع"
    )
    exported = export_protocol(study)
    assert "phases:\n          - 3m\n          - 12m\n        comparator: at_most" in exported.decode()
    assert lines(import_protocol(exported, by=None)) == {}


def test_import_asks_no_more_queries_for_more_unchanged_rows() -> None:
    more = SMALL.replace("slug: small", "slug: large").replace(
        "  - {code: south, name: South}\n",
        "".join(f"  - {{code: s{n}, name: S{n}, teams: [{{code: t, name: T}}]}}\n" for n in range(3)),
    )
    more += "".join(
        f"  - code: i{n}\n    title: I\n    question: 1\n    phases: [pre]\n"
        "    thresholds: [{phases: [pre], comparator: at_least, value: 1}]\n"
        for n in range(3)
    )
    counted = []
    for text in (SMALL, more):
        loaded(text)
        with CaptureQueriesContext(connection) as queries:
            assert lines(import_protocol(text.encode(), by=None)) == {}
        counted.append(len(queries))
    assert counted[0] == counted[1]


# The command


def run(*args: str) -> str:
    out = StringIO()
    call_command("protocol", *args, stdout=out)
    return out.getvalue()


def test_command_imports_previews_and_exports(tmp_path: Path) -> None:
    path = str(STUDIES / "family-safeguarding-trial" / "protocol.yaml")
    assert "would be created" in run("import", path, "--preview")
    assert not Evaluation.objects.exists()
    assert "  sites: 5 added, 0 changed, 0 removed" in run("import", path)
    assert run("import", path) == "family-safeguarding-trial: updated\n  nothing changes\n"
    out = tmp_path / "out.yaml"
    run("export", "family-safeguarding-trial", "--out", str(out))
    assert out.read_text() == run("export", "family-safeguarding-trial")


def test_command_tells_every_fault_and_fails(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("evaluation: {slug: x, titel: y}\nphasess: []\n")
    with pytest.raises(CommandError) as caught:
        run("import", str(bad))
    assert caught.value.returncode == 1
    assert str(caught.value).count("\n") == 2
    assert "Line 1, evaluation › titel: There is no field “titel” here. Did you mean “title”?" in str(
        caught.value
    )
    for arguments, told in (
        (("import", str(tmp_path / "none.yaml")), "cannot be read"),
        (("export", "none"), "There is no study “none”."),
        (("import", str(bad), "--by", "nobody@example.org"), "no active account"),
    ):
        with pytest.raises(CommandError, match=told):
            run(*arguments)


def test_command_imports_as_an_account(lead: Any, study: Any, tmp_path: Path) -> None:
    path = tmp_path / "trial.yaml"
    path.write_bytes(export_protocol(study))
    assert "nothing changes" in run("import", str(path), "--by", "LEAD@example.org")
    path.write_text(SMALL)
    with pytest.raises(CommandError, match="may not create studies"):
        run("import", str(path), "--by", "lead@example.org")
