from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from releases.models import Recall
from tests.releases.conftest import answers_table, people


@pytest.fixture
def release(publish: Any, site_a: Any) -> Any:
    return publish(
        answers_table(("Useful", people(0, 7), people(0, 50)), title="Answers <b>& all</b>"),
        site=site_a,
        recipients=["O'Brien & Co"],
    ).release


def url(name: str, release: Any = None, **more: Any) -> str:
    kwargs = {"slug": "trial", **({"pk": release.pk} if release else {}), **more}
    return reverse(f"releases:{name}", kwargs=kwargs)


def queries(client: Any, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_list_says_what_left_and_escapes_it(login, lead, release):
    page = login(lead).get(url("releases")).content.decode()
    assert "Answers &lt;b&gt;&amp; all&lt;/b&gt;" in page
    assert "R1" in page
    assert "Interim report" in page
    assert 'style="' not in page


def test_empty_list_says_what_will_stand_there(login, lead):
    assert "Nothing has left yet" in login(lead).get(url("releases")).content.decode()


def test_list_is_filtered_sorted_and_answers_htmx_with_the_list_alone(login, lead, publish, release):
    publish(
        answers_table(("Posts", people(60, 80), people(60, 90)), title="A second"),
        output_class="impact",
    )
    client = login(lead)
    only = client.get(url("releases"), {"output_class": "impact"}).content.decode()
    assert "A second" in only
    assert "Answers &lt;b&gt;" not in only
    by_title = client.get(url("releases"), {"sort": "title"}).content.decode()
    assert by_title.index("A second") < by_title.index("Answers &lt;b&gt;")
    newest_first = client.get(url("releases"), {"sort": "nonsense", "state": "nonsense"}).content.decode()
    assert newest_first.index("A second") < newest_first.index("Answers &lt;b&gt;")
    fragment = client.get(url("releases"), {"site": "A"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert "A second" not in fragment
    assert "No such releases" in client.get(url("releases"), {"file_format": "pdf"}).content.decode()


def test_list_asks_as_much_of_the_database_for_three_rows_as_for_one(login, lead, publish, release):
    client = login(lead)
    one = queries(client, url("releases"))
    for number in (2, 3):
        first = number * 100
        publish(
            answers_table((f"Item {number}", people(first, first + 30), people(first, first + 50))),
            recipients=["A", "B"],
        )
    assert queries(client, url("releases")) == one


def test_release_asks_as_much_for_three_recipients_as_for_one(login, writer, release):
    from releases import recipients

    client = login(writer)
    one = queries(client, url("release", release))
    recipients.add(release, "Two", by=writer)
    recipients.add(release, "Three", by=writer)
    assert queries(client, url("release", release)) == one


def test_release_shows_counts_but_no_people_and_no_hidden_value(login, writer, release):
    page = login(writer).get(url("release", release)).content.decode()
    assert "answers · Useful · Agree" in page
    assert "[c]" in page
    assert ">7<" not in page
    assert "r12" not in page
    assert "O&#x27;Brien &amp; Co" in page
    assert "Counts of 1 to 9 are shown as [c]" in page


def test_members_of_one_site_see_no_release_of_the_whole_study(login, researcher, publish, release):
    whole = publish(answers_table(("All", people(100, 130), people(100, 150)), title="Whole study")).release
    client = login(researcher)
    listed = client.get(url("releases")).content.decode()
    assert "Answers &lt;b&gt;" in listed
    assert "Whole study" not in listed
    assert client.get(url("release", whole)).status_code == 404


def test_recipient_is_added_on_the_page(login, writer, release):
    client = login(writer)
    answer = client.post(url("recipient-add", release), {"who": "The council"}, follow=True)
    assert "The council" in answer.content.decode()
    assert release.recipients.count() == 2
    wrong = client.post(url("recipient-add", release), {"who": " "})
    assert wrong.status_code == 422
    assert release.recipients.count() == 2


def test_only_who_may_add_is_offered_the_form(login, lead, writer, release):
    assert "Add recipient" in login(writer).get(url("release", release)).content.decode()
    assert "Add recipient" not in login(lead).get(url("release", release)).content.decode()


def test_recall_is_told_and_closed_on_the_page(login, data_protection, release, clock):
    Recall.objects.create(release=release, cause="quoted", asked_at=timezone.now())
    clock.shift(60)
    client = login(data_protection)
    page = client.get(url("release", release)).content.decode()
    assert "1 recipient still to be told" in page
    assert "Mark as told" in page
    told = url("recipient-told", release, recipient=release.recipients.get().pk)
    after = client.post(told, follow=True).content.decode()
    assert "by Dara Protection" in after
    assert "still to be told" not in after
    assert Recall.objects.get().settled_at is not None


def test_recall_without_recipients_is_closed_on_the_page(login, writer, release):
    release.recipients.all().delete()
    Recall.objects.create(release=release, cause="counted", asked_at=timezone.now())
    client = login(writer)
    assert "close the recall" in client.get(url("release", release)).content.decode()
    assert client.post(url("recall-settle", release)).status_code == 302
    assert Recall.objects.get().settled_by_id is not None


def test_acts_answer_to_post_only_and_to_this_release_only(login, writer, publish, release):
    other = publish(
        answers_table(("Other", people(100, 130), people(100, 150))), recipients=["Someone"]
    ).release
    client = login(writer)
    stranger = url("recipient-told", release, recipient=other.recipients.get().pk)
    assert client.get(stranger).status_code == 405
    assert client.post(stranger).status_code == 404
    assert client.get(url("recipient-add", release)).status_code == 405
    assert client.get(url("recall-settle", release)).status_code == 405
