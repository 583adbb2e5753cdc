import copy
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pydantic import ValidationError

from ipe.errors import Invalid
from ipe.protocol.report import Report
from ipe.protocol.study import export_protocol
from surveys.models import Item, RuleChange
from surveys.section import InstrumentPart, Instruments
from tests.surveys.conftest import STAFF_SURVEY, answers


def write(study, *parts, by=None, reason=""):
    report = Report(study, by, False, reason=reason)
    with transaction.atomic():
        Instruments().write(study, [InstrumentPart.model_validate(p, strict=False) for p in parts], report)
    return {line.label: (line.added, line.changed, line.removed) for line in report.changes}


def changed(**more):
    return copy.deepcopy(STAFF_SURVEY) | more


def test_what_was_written_is_read_back_and_written_again_changes_nothing(study, instrument):
    read = Instruments().read(study)
    assert [part.name for part in read] == ["staff-survey"]
    assert [item.code for item in read[0].items] == [item["code"] for item in STAFF_SURVEY["items"]]
    report = Report(study, None, False)
    Instruments().write(study, read, report)
    assert report.changes == []
    assert Instruments().read(study) == read


def test_items_can_be_added_reworded_and_removed_before_answers(study, instrument):
    part = changed()
    part["items"][0]["wording"] = "I attended all the training"
    part["items"] = [item for item in part["items"] if item["code"] != "caseload"]
    part["items"].append({"code": "new", "wording": "New?", "scale": "yesno"})
    assert write(study, part)["items"] == (1, 2, 1)
    assert not Item.objects.filter(code="caseload").exists()


def test_what_was_answered_cannot_be_left_out(study, instrument, stored):
    stored(answers(1, attended="Yes", useful="Agree", time="Agree"))
    part = changed(bases=STAFF_SURVEY["bases"][:1], indicators=[])
    part["items"] = [item for item in part["items"] if item["code"] != "useful"]
    with pytest.raises(Invalid, match="Answers stand on the item “useful”"):
        write(study, part)
    with pytest.raises(Invalid, match="the instrument “staff-survey”"):
        write(study)
    part = changed()
    part["items"][2]["scale"] = "yesno"
    part["indicators"] = part["indicators"][:1]
    with pytest.raises(Invalid, match="has answers; its kind and scale cannot change"):
        write(study, part)


@pytest.fixture
def reread():
    """The survey with one base and one counted answer changed."""
    part = changed()
    part["bases"][1]["not_applicable"] = "in"
    part["indicators"][1]["counted"] = ["sa"]
    return part


def test_changed_reading_and_changed_base_are_remembered_with_their_reason(
    study, instrument, stored, reread, lead
):
    stored(answers(1, attended="Yes", useful="Agree"))
    write(study, reread, by=lead, reason="Agreed with the funder.")
    found = {change.rule.indicator.code: change for change in RuleChange.objects.all()}
    assert set(found) == {"training-useful", "enough-time"}
    assert {(c.had_data, c.reason, c.changed_by) for c in found.values()} == {
        (True, "Agreed with the funder.", lead)
    }
    assert found["training-useful"].after["base"]["not_applicable"] == "in"


def test_reading_changed_before_answers_needs_no_reason(study, instrument, reread, lead):
    write(study, reread, by=lead)
    assert {change.reason for change in RuleChange.objects.all()} == {"Changed before any data arrived."}


def test_reading_changed_by_nobody_without_or_with_too_long_a_reason_is_refused(
    study, instrument, stored, reread, lead
):
    with pytest.raises(Invalid, match="say who changes it"):
        write(study, reread)
    stored(answers(1, attended="Yes", useful="Agree"))
    with pytest.raises(Invalid, match="Give a reason"):
        write(study, reread, by=lead)
    with pytest.raises(Invalid, match="longer than 300"):
        write(study, reread, by=lead, reason="x" * 301)


def test_file_imported_at_the_command_line_says_who_must_be_named(study, instrument, tmp_path, lead):
    for row in study.indicators.all():
        row.phases.set(study.phases.all())
    data = export_protocol(study).decode()
    both = "counted:\n          - a\n"
    assert data.count(both) == 2
    file = tmp_path / "protocol.yaml"
    file.write_text(data.replace(both, "counted:\n"))
    with pytest.raises(CommandError, match="“training-useful” is read changes: say who changes it"):
        call_command("protocol", "import", str(file))
    assert not RuleChange.objects.exists()
    call_command(
        "protocol", "import", str(file), "--by", lead.email, "--reason", "As printed.", stdout=StringIO()
    )
    assert {change.reason for change in RuleChange.objects.all()} == {"As printed."}


def test_indicator_that_the_study_lacks_is_refused(study, instrument):
    part = changed(indicators=[{"indicator": "nothing", "items": ["time"], "counted": ["a"]}])
    with pytest.raises(Invalid, match="“nothing”, which the study does not have"):
        write(study, part)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scales": []}, "names the scale"),
        ({"bases": []}, "names the base"),
        ({"roles": ["A", "a"]}, "stands twice"),
        ({"method": "interview"}, "survey or admin_data"),
        ({"indicators": [{"indicator": "x", "items": ["time"]}]}, "or neither"),
        ({"indicators": [{"indicator": "x", "items": ["comment"], "counted": ["a"]}]}, "no item of choices"),
        ({"indicators": [{"indicator": "x", "items": ["time"], "counted": ["yes"]}]}, "counts no answer"),
        ({"unknown": 1}, "Extra inputs"),
        (
            {
                "bases": [{"code": "b", "title": "B", "when": [{"item": "nope", "values": ["a"]}]}],
                "indicators": [],
            },
            "names the item",
        ),
        (
            {
                "bases": [{"code": "b", "title": "B", "when": [{"item": "time", "values": ["yes"]}]}],
                "indicators": [],
            },
            "no answer of item",
        ),
        (
            {
                "bases": [{"code": "b", "title": "B", "when": [{"item": "role", "values": ["Judge"]}]}],
                "indicators": [],
            },
            "is not listed",
        ),
    ],
)
def test_faulty_sections_are_told(change, message):
    with pytest.raises(ValidationError, match=message):
        InstrumentPart.model_validate(changed(**change), strict=False)
