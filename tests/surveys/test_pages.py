import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from ipe.models import Indicator, Threshold
from surveys import intake, mapping
from surveys.models import Intake, Mapping, Response
from tests.surveys.conftest import HEADINGS, MAPPING, answers, as_csv, fifty, make_instrument

BASE = "/s/trial/surveys"


@pytest.mark.row("TH-04")
def test_indicators_show_verdict_figure_and_base(study, stored, login, writer):
    stored(fifty(35), eligible=78, eligible_source="list")
    html = login(writer).get("/s/trial/indicators/").content.decode()
    assert '<span class="shape" aria-hidden="true">✓</span>' in html
    assert '<span class="tabular">70%</span></span> <span class="base">of 50</span>' in html
    assert "Response 69% of 78 people asked" in html
    assert "56% to 81% (Wilson)" in html


@pytest.mark.row("TH-05")
def test_indicators_as_released_hide_small_counts(study, stored, login, writer):
    stored(fifty(45))
    client = login(writer)
    working = client.get("/s/trial/indicators/").content.decode()
    released = client.get("/s/trial/indicators/?as=released").content.decode()
    assert ">90%<" in working
    assert ">90%<" not in released
    assert "verdict suppressed" in released


def test_filters_stand_in_the_url_and_unknown_ones_are_not_found(study, stored, login, writer, researcher):
    stored(fifty(35))
    client = login(writer)
    assert "training-useful" in client.get("/s/trial/indicators/?site=A&phase=12m").content.decode()
    assert "training-useful" not in client.get("/s/trial/indicators/?site=B").content.decode()
    assert client.get("/s/trial/indicators/?phase=99m").status_code == 404
    assert login(researcher).get("/s/trial/indicators/?site=B").status_code == 404


@pytest.mark.parametrize(
    "url",
    ["/s/trial/indicators/", f"{BASE}/files/", f"{BASE}/returns/", f"{BASE}/", "/api/s/trial/indicators/"],
)
def test_lists_ask_as_many_queries_for_three_rows_as_for_one(
    study, stored, login, lead, url, django_assert_max_num_queries, site_b, wave, site_a
):
    from surveys import returns

    stored(answers(1, useful="Agree"))
    figure = returns.FigureGiven("caseload", value=17)
    returns.record_return(wave(site_a, "12m"), figures=[figure], source="HR", by=lead)
    client = login(lead)
    client.get(url)
    with django_assert_max_num_queries(200) as first:
        assert client.get(url).status_code == 200
    stored(fifty(), phase="3m")
    stored(fifty(), site=site_b)
    returns.record_return(wave(site_a, "3m"), figures=[figure], source="HR", by=lead)
    returns.record_return(wave(site_b, "3m"), figures=[figure], source="HR", by=lead)
    with django_assert_max_num_queries(len(first)):
        assert client.get(url).status_code == 200


def test_fragments_come_alone_and_history_gets_the_page(study, stored, login, lead, instrument):
    stored(fifty(35))
    client = login(lead)
    for url in (
        "/s/trial/indicators/",
        f"{BASE}/files/",
        f"{BASE}/returns/",
        f"{BASE}/instruments/{instrument.pk}/answers/",
    ):
        fragment = client.get(url, headers={"HX-Request": "true"})
        assert "<html" not in fragment.content.decode(), url
        assert "HX-Request" in fragment["Vary"]
        again = client.get(url, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
        assert "<html" in again.content.decode()


def test_detail_shows_counts_file_and_mapping(study, stored, login, lead, wave, site_a):
    row = stored(fifty(35), eligible=78, eligible_source="list")
    indicator = study.indicators.get(code="training-useful")
    html = login(lead).get(f"/s/trial/indicators/{indicator.pk}/{wave(site_a, '12m').pk}/").content.decode()
    for words in (
        "The training I attended was useful",
        "answers.csv",
        "plain, version 1",
        "4 outside the base",
        "Agree",
    ):
        assert words in html, words
    assert str(row.pk) in html


def test_answers_page_working_and_released(study, stored, login, writer, instrument):
    stored([*fifty(45), *answers(3, caseload="15")])
    client = login(writer)
    url = f"{BASE}/instruments/{instrument.pk}/answers/"
    working = client.get(url).content.decode()
    released = client.get(f"{url}?as=released").content.decode()
    assert "15.0" in working
    assert "Which of these roles does your team have?" not in released or "[c]" in released
    assert "15.0" not in released


def upload(client, wave, instrument, data, name="wave.csv", **more):
    return client.post(
        f"{BASE}/files/new/",
        {"instrument": instrument.pk, "wave": wave.pk, "file": SimpleUploadedFile(name, data), **more},
    )


def test_the_wizard_from_file_to_report(study, instrument, wave, site_a, login, fieldwork, run_jobs):
    client = login(fieldwork)
    headings = [
        "ResponseId",
        "What is your role?",
        "I attended the training",
        "The training I attended was useful",
        "Email",
    ]
    rows = [
        {
            "ResponseId": "R1",
            headings[1]: "Social worker",
            headings[2]: "Yes",
            headings[3]: "5",
            "Email": "a@example.org",
        },
        {
            "ResponseId": "R2",
            headings[1]: "Team manager",
            headings[2]: "Yes",
            headings[3]: "1",
            "Email": "b@example.org",
        },
    ]
    answer = upload(
        client, wave(site_a, "12m"), instrument, as_csv(rows, headings), eligible=10, eligible_source="list"
    )
    draft = Intake.objects.get()
    assert answer.status_code == 302
    assert answer.url == f"{BASE}/files/{draft.pk}/columns/"
    page = client.get(answer.url)
    html = page.content.decode()
    assert "numbers: say what they mean" in html
    assert "1 more were removed" in html
    assert "example.org" not in html
    form = page.context["form"]
    data = {name: form[name].value() or "" for name in form.fields}
    data = {name: value for name, value in data.items() if value is not False}
    assert data["column_useful"] == "3"
    unconfirmed = client.post(answer.url, data)
    assert unconfirmed.status_code == 302
    told = client.get(unconfirmed.url).content.decode()
    assert "list in the mapping what the numbers mean" in told
    assert "Store the answers" not in told
    data["values_useful"] = "5 = sa\n1 = sd"
    preview = client.post(answer.url, data)
    html = client.get(preview.url).content.decode()
    assert "Store the answers" in html
    done = client.post(preview.url, {"eligible": 10, "eligible_source": "list"})
    assert done.status_code == 302
    assert "Waiting for its turn" in client.get(done.url).content.decode()
    run_jobs()
    html = client.get(done.url).content.decode()
    assert "wave.csv" in html
    assert "stored" in html
    assert Response.objects.count() == 2
    assert Mapping.objects.count() == 2


def test_wizard_with_a_saved_mapping_goes_straight_to_the_preview(
    study, instrument, saved_mapping, wave, site_a, login, lead
):
    client = login(lead)
    answer = upload(client, wave(site_a, "12m"), instrument, as_csv(fifty()), mapping=saved_mapping.pk)
    assert answer.url.endswith("/preview/")
    later = upload(
        client,
        wave(site_a, "24m"),
        instrument,
        as_csv(fifty(), [*HEADINGS[:-1], "remark"]),
        mapping=saved_mapping.pk,
    )
    html = client.get(later.url).content.decode()
    assert "New column" in html
    assert "Missing column" in html


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"id,id\n1,2\n", "twice"),
        ("a.csv", b"", "empty"),
        ("a.pdf", b"%PDF-", "ends in"),
        ("a.xlsx", b"PK\x03\x04nothing", "damaged"),
    ],
)
def test_wizard_tells_what_is_wrong_with_a_file(
    study, instrument, wave, site_a, login, lead, name, data, words
):
    answer = upload(login(lead), wave(site_a, "12m"), instrument, data, name=name)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Intake.objects.exists()


def test_wizard_asks_where_the_number_of_people_comes_from(study, instrument, wave, site_a, login, lead):
    answer = upload(login(lead), wave(site_a, "12m"), instrument, as_csv(fifty()), eligible=100)
    assert answer.status_code == 422
    assert "Say where the number of people asked comes from" in answer.content.decode()


def test_column_used_twice_is_told_at_the_field(opened, login, lead):
    draft = opened(fifty())
    answer = login(lead).post(
        f"{BASE}/files/{draft.pk}/columns/", {"name": "m", "column_useful": "4", "column_time": "4"}
    )
    assert answer.status_code == 422
    assert "already used for Column of useful" in answer.content.decode()


def test_roles_and_teams_of_other_names_are_mapped_on_the_page(
    study, instrument, wave, site_a, login, lead, run_jobs
):
    client = login(lead)
    headings = ["Your role", "Team", "The training I attended was useful"]
    rows = [{"Your role": "SW", "Team": "First, North district", headings[2]: "Agree"}]
    answer = upload(client, wave(site_a, "12m"), instrument, as_csv(rows, headings))
    page = client.get(answer.url)
    assert "Not understood so far: SW." in page.content.decode()
    form = page.context["form"]
    data = {name: value for name in form.fields if (value := form[name].value()) not in (None, False)}
    data |= {"team_separator": ",", "meaning_role": "no equals sign"}
    assert client.post(answer.url, data).status_code == 422
    data |= {"meaning_role": "SW = Social worker", "meaning_teams": "First = team-1"}
    preview = client.post(answer.url, data)
    assert "Store the answers" in client.get(preview.url).content.decode()
    client.post(preview.url, {})
    run_jobs()
    response = Response.objects.get()
    assert response.role == "Social worker"
    assert sorted(response.teams.values_list("code", flat=True)) == ["north", "team-1"]


def test_withdraw_and_drop_pages_preview_and_act(stored, opened, login, lead):
    row, draft = stored(fifty()), opened(answers(1, useful="Agree"), phase="24m")
    client = login(lead)
    html = client.get(f"{BASE}/files/{row.pk}/withdraw/").content.decode()
    assert '<span class="n">54</span>' in html
    assert client.post(f"{BASE}/files/{row.pk}/withdraw/").status_code == 302
    assert client.post(f"{BASE}/files/{row.pk}/withdraw/").status_code == 422
    assert client.post(f"{BASE}/files/{draft.pk}/drop/").status_code == 302
    assert not Response.objects.exists()


def test_return_page_stores_and_tells_faults_at_the_field(study, instrument, wave, site_a, login, fieldwork):
    client = login(fieldwork)
    url = f"{BASE}/returns/{wave(site_a, '12m').pk}/"
    form = client.get(url).context["form"]
    places = {indicator.code: prefix for prefix, indicator, role, team in form.places}
    vacancy, separate = places["vacancy"], places["separate"]
    bad = client.post(url, {"source": "HR", f"{vacancy}_numerator": "30", f"{vacancy}_base": "20"})
    assert bad.status_code == 422
    assert "cannot be larger than the second" in bad.content.decode()
    good = client.post(
        url,
        {"source": "HR", f"{vacancy}_numerator": "4", f"{vacancy}_base": "20", f"{separate}_answer": "yes"},
    )
    assert good.status_code == 302
    html = client.get("/s/trial/indicators/").content.decode()
    assert ">20%<" in html
    assert ">yes<" in html
    assert 'value="4"' in client.get(url).content.decode()


def test_return_page_takes_posts_team_by_team_so_that_a_mean_hides_no_team_without_anybody(
    study, wave, site_a, login, fieldwork
):
    row = Indicator.objects.create(
        evaluation=study,
        code="specialists",
        title="Posts",
        unit="fte",
        methods=["admin_data"],
        output_class="organisational",
    )
    Threshold.objects.create(
        indicator=row,
        phase=study.phases.get(code="12m"),
        scope="each_role",
        comparator="at_least",
        value="0.5",
    )
    part = {"name": "posts", "title": "Posts", "method": "admin_data"}
    make_instrument(study, part | {"indicators": [{"indicator": "specialists", "roles": ["Probation"]}]})
    client, url = login(fieldwork), f"{BASE}/returns/{wave(site_a, '12m').pk}/"
    form = client.get(url).context["form"]
    places = {(role, team): prefix for prefix, _, role, team in form.places}
    assert ("Probation", "team-1") in places
    given = {("Probation", "north"): "2.0", ("Probation", "team-1"): "0.4"}
    data = {f"{places[place]}_value": value for place, value in given.items()}
    assert client.post(url, {"source": "HR", **data}).status_code == 302
    html = client.get("/s/trial/indicators/").content.decode()
    assert "0 of 1 role<" in html


def test_rule_page_changes_and_shows_the_reason(study, instrument, login, lead):
    rule = instrument.rules.get(indicator__code="training-useful")
    client = login(lead)
    point = str(rule.counted.get(code="sa").pk)
    url = f"{BASE}/rules/{rule.pk}/"
    missing = client.post(
        url, {"counted": [point], "base_rule": rule.base_rule.pk, "combine": "all", "reason": ""}
    )
    assert missing.status_code == 422
    answer = client.post(
        url,
        {
            "counted": [point],
            "base_rule": rule.base_rule.pk,
            "combine": "all",
            "reason": "Stricter from now on",
        },
    )
    assert answer.status_code == 302
    assert "Stricter from now on" in client.get(answer.url).content.decode()


def test_export_pages_make_a_release(study, instrument, stored, login, writer):
    stored(fifty(35))
    client = login(writer)
    given = {"file_format": "csv", "purpose": "Board", "recipients": "The board\n", "output_class": "survey"}
    answer = client.post("/s/trial/indicators/export/", given)
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith('attachment; filename="trial-release-1')
    chart = client.post(f"{BASE}/instruments/{instrument.pk}/export/", given | {"file_format": "chart"})
    assert chart.content[:4] == b"%PDF"
    assert client.post("/s/trial/indicators/export/", given | {"site": "Z"}).status_code == 404


@pytest.mark.row("SD-01", "TH-05")
def test_api_gives_released_figures_and_refuses_others(study, stored, login, writer, other_site, outsider):
    stored(fifty(35), phase="24m")
    assert {row["verdict"] for row in login(writer).get("/api/s/trial/indicators/").json()} == {"met"}
    stored(fifty(45))
    rows = login(writer).get("/api/s/trial/indicators/?site=A&phase=12m").json()
    assert {row["verdict"] for row in rows} == {"suppressed"}
    assert {row["percent"] for row in rows} == {None}
    assert login(other_site).get("/api/s/trial/indicators/").json() == []
    assert login(outsider).get("/api/s/trial/indicators/").status_code == 404
    assert login(writer).post("/api/s/trial/indicators/").status_code == 405


def test_mapping_download_reads_back(saved_mapping, login, writer):
    from surveys import mapping

    answer = login(writer).get(f"{BASE}/mappings/{saved_mapping.pk}/")
    assert mapping.as_document(mapping.load(answer.content)) == saved_mapping.document


def test_hostile_words_are_escaped_everywhere(study, instrument, wave, site_a, login, lead, run_jobs):
    role = "<script>alert(1)</script> & 👩‍💻 עברית"
    instrument.roles = [role]
    instrument.save()
    data = as_csv([{"role": role, "attended": "Yes", "useful": "Agree"}], ["role", "attended", "useful"])
    row = intake.open_intake(
        instrument, wave=wave(site_a, "12m"), file_name=f"{role}.csv", data=data, by=lead
    )
    client = login(lead)
    for url in (f"{BASE}/files/", f"{BASE}/files/{row.pk}/", f"{BASE}/files/{row.pk}/columns/"):
        html = client.get(url).content.decode()
        assert "<script>alert" not in html


def test_instruments_say_how_many_waves_have_a_return(
    study, instrument, wave, site_a, site_b, login, lead, researcher
):
    from surveys import returns
    from surveys.models import IndicatorRule, Instrument

    staffing = Instrument.objects.create(
        evaluation=study, name="staffing", title="Staffing return", method="admin_data"
    )
    for code in ("vacancy", "caseload"):
        IndicatorRule.objects.create(instrument=staffing, indicator=study.indicators.get(code=code))
    figures = [returns.FigureGiven("caseload", value=17), returns.FigureGiven("vacancy", value=9)]
    for site in (site_a, site_b):
        returns.record_return(wave(site, "12m"), figures=figures, source="HR", by=lead)
    returns.record_return(wave(site_a, "12m"), figures=figures[:1], source="HR, corrected", by=lead)

    def cells(person):
        html = login(person).get(f"{BASE}/").content.decode()
        row = html[html.index("Staffing return") :]
        return row[: row.index("</tr>")]

    assert '<td class="num">2</td><td class="num">2</td>' in cells(lead)
    assert '<td class="num">2</td><td class="num">1</td>' in cells(researcher)
    assert "none: a return gives figures" in cells(lead)


def test_percentages_of_answers_are_rounded_half_up_as_everywhere(study, stored, login, writer, instrument):
    stored([*answers(5, time="Agree"), *answers(35, time="Disagree")])
    html = login(writer).get(f"{BASE}/instruments/{instrument.pk}/answers/").content.decode()
    assert '5 <span class="base">13%</span>' in html
    assert '35 <span class="base">88%</span>' in html


def test_values_that_mean_no_answer_stay_in_the_mapping_that_the_page_saves(opened, instrument, login, lead):
    part = MAPPING | {"items": MAPPING["items"] | {"caseload": {"column": "caseload", "blank": ["-99"]}}}
    draft = opened([*fifty(), *answers(1, caseload="-99")])
    saved = intake.save_mapping(instrument, part=mapping.checked(part), by=lead)
    intake.choose_mapping(draft, mapping=saved, by=lead)
    client = login(lead)
    url = f"{BASE}/files/{draft.pk}/columns/"
    form = client.get(url).context["form"]
    data = {name: value for name in form.fields if (value := form[name].value()) not in (None, False)}
    assert client.post(url, data | {"name": "again"}).status_code == 302
    draft.refresh_from_db()
    assert draft.mapping.name == "again"
    assert draft.mapping.document["items"]["caseload"]["blank"] == ["-99"]


def test_the_ends_of_an_interval_stand_on_their_own_side_of_the_threshold(study, stored, login, writer):
    stored(fifty(41))  # Wilson: 69.2% to 90.2%
    study.indicators.get(code="training-useful").thresholds.update(value=69)
    html = login(writer).get("/s/trial/indicators/").content.decode()
    assert "95% interval 69% to 90% (Wilson)" in html
    study.indicators.get(code="training-useful").thresholds.update(value="69.4")
    html = login(writer).get("/s/trial/indicators/").content.decode()
    assert "95% interval 69% to 90% (Wilson)" in html
    study.indicators.get(code="training-useful").thresholds.update(value="69.1")
    html = login(writer).get("/s/trial/indicators/").content.decode()
    assert "95% interval 69.2% to 90% (Wilson)" in html
