import pytest

from ipe.errors import Invalid, NotFound, Refused
from ipe.models import AuditEvent
from surveys import results, rules
from surveys.models import RuleChange, ScalePoint
from tests.surveys.conftest import fifty


@pytest.fixture
def rule(instrument):
    return instrument.rules.get(indicator__code="training-useful")


def change(rule, by, *codes, reason="The board asked", **more):
    points = list(ScalePoint.objects.filter(scale__code="agree5", code__in=codes))
    given = {"base_rule": rule.base_rule, "combine": "all"} | more
    return rules.change_rule(rule, counted=points, reason=reason, by=by, **given)


def test_change_is_dated_reasoned_and_changes_the_figure(study, rule, stored, lead):
    stored(fifty(35))
    done = change(rule, lead, "sa", "a", "n", "d")
    assert (done.reason, done.had_data, done.changed_by) == ("The board asked", True, lead)
    assert done.before["counted"] != done.after["counted"]
    assert AuditEvent.objects.first().fields == ["counted"]
    row = next(r for r in results.as_json(study, as_="working") if r["indicator"] == "training-useful")
    assert row["numerator"] == 50


def test_change_before_data_says_so(rule, lead):
    assert change(rule, lead, "sa").had_data is False


def test_change_to_the_same_is_none(rule, lead):
    assert change(rule, lead, "a", "sa") is None
    assert not RuleChange.objects.exists()


def test_change_refusals(rule, fieldwork, researcher, outsider, lead):
    for person, error in ((fieldwork, Refused), (researcher, Refused), (outsider, NotFound)):
        with pytest.raises(error):
            change(rule, person, "sa")
    with pytest.raises(Invalid, match="why"):
        change(rule, lead, "sa", reason=" ")
    with pytest.raises(Invalid, match="needs an answer"):
        change(rule, lead)
    with pytest.raises(Invalid, match="settled"):
        change(rule, lead, "sa", combine="some")
    with pytest.raises(Invalid, match="another scale"):
        rules.change_rule(
            rule,
            counted=list(ScalePoint.objects.filter(scale__code="yesno")),
            base_rule=None,
            combine="all",
            reason="x",
            by=lead,
        )
    assert not RuleChange.objects.exists()
