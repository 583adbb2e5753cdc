"""The demo study loads through the acts, once, and holds what a new user should find."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from coding.models import Cell, Coding
from consent.models import Participant
from findings.demo import loading
from findings.demo.people import LEAD, PEOPLE
from ipe import audit, rooms
from ipe.models import Evaluation, User
from ipe.overview import waiting
from surveys.forms import ReturnForm
from surveys.models import Response
from transcripts.models import Document, Version

NAMED = [
    "Merrowdale",
    "Thornwick",
    "Port Ellery",
    "Fletcher",
    "Tanner Street",
    "Harbour House",
    "07700",
    "01632",
]


@pytest.mark.row("000-19")
def test_demo_holds_what_a_new_user_should_find(db):
    """One test, because loading takes longer than all that is asked of it."""
    assert loading.load(lambda line: None)
    demo = Evaluation.objects.get(slug="demo")
    it_is_loaded_whole_and_once(demo)
    its_overview_shows_little_overdue_and_something_to_come(demo)
    its_texts_have_1500_words_and_no_name()
    the_return_of_the_trial_asks_for_each_specialist_role()


def it_is_loaded_whole_and_once(demo):
    assert not loading.load(lambda line: None)
    assert Evaluation.objects.count() == 3
    assert Participant.objects.filter(evaluation=demo).count() == len(PEOPLE)
    assert Document.objects.filter(evaluation=demo, state="cleared").count() == 5
    assert Coding.objects.filter(version__document__evaluation=demo).count() == 72
    assert Cell.objects.filter(case__evaluation=demo, state="charted").count() == 5
    assert Response.objects.filter(intake__instrument__evaluation=demo).count() == 84
    assert audit.verify().is_whole


def its_overview_shows_little_overdue_and_something_to_come(demo):
    lead = User.objects.get(email=LEAD)
    today = timezone.localdate()
    waits = waiting(rooms.due(demo, lead, today), today=today)
    assert sorted(item.label for item in waits.overdue) == [
        "Administrative return, Thornwick, Before the start",
        "Survey answers: Staff survey, Port Ellery, 3 months",
        "Thornwick, Before the start: 1 still to book",
    ]
    assert [item.label for item in waits.this_week] == ["A-008, Interview · 12m"]
    assert [item.label for item in waits.later] == ["Merrowdale, 12 months: 8 still to book"]


def the_return_of_the_trial_asks_for_each_specialist_role():
    trial = Evaluation.objects.get(slug="family-safeguarding-trial")
    wave = trial.sites.get(code="walsall").waves.get(phase__code="3m")
    form = ReturnForm(study=trial, user=User.objects.get(email=LEAD), wave=wave)
    asked = [line.role for line in form.lines() if line.indicator.code == "1a-specialists-in-post"]
    assert asked == ["", "Domestic abuse", "Mental health", "Substance misuse", "Probation"]


def its_texts_have_1500_words_and_no_name():
    texts = [version.text for version in Version.objects.current()]
    assert len(texts) == 5
    assert all(len(text.split()) > 1500 for text in texts)
    names = [part for person in PEOPLE for part in person.name.split()]
    for text in texts:
        words = text.replace("’", "'").replace("'", " ").replace("-", " ").split()
        assert [name for name in names if name in [word.strip(".,?!:") for word in words]] == []
        assert [name for name in NAMED if name in text] == []


def test_demo_refuses_production(settings, db):
    settings.IS_PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("demo", "--no-server")
    assert not User.objects.exists()
