import io
import zipfile

import openpyxl
import pytest

from consent import contact, recruiting, withdrawal
from consent.models import Contact, Membership, Participant, RosterDraft
from consent.rosters import Listed, read_roster, rows_of_text, rows_of_workbook
from ipe import vault
from ipe.errors import BadFile, Conflict, Invalid, KeyDestroyed, NotFound, NotReady, Refused
from ipe.models import AuditEvent

GROUPS = {"practitioners": "practitioners", "managers": "managers", "parents": "parents"}
TEAMS = {"team 1": "team-1", "north": "north"}


def read(text, **changes):
    values = {"kind": "staff", "groups": GROUPS, "teams": TEAMS, **changes}
    return read_roster(rows_of_text(text), **values)


def texts(roster):
    return [str(problem) for problem in roster.problems]


def test_read_pasted_cells():
    roster = read(
        "Name\tE-mail\tJob title\tGroup\tTeams\nO'Neil, Zoë\tz@x.org\tSW\tManagers\tTeam 1; north\n"
    )
    assert roster.problems == ()
    person = roster.people[0]
    assert (person.name, person.role_title, person.teams) == ("O'Neil, Zoë", "SW", ("team-1", "north"))


def test_read_is_all_or_nothing_and_names_row_and_column():
    roster = read(
        "Name,E-mail,Phone,Group,Age\nAnn,nonsense,12,Managers,\n,a@x.org,,nobody,12\nBo,A@X.org,,,"
    )
    assert roster.people == ()
    assert texts(roster) == [
        "Row 2, e-mail: is not an e-mail address.",
        "Row 2, phone: is not a telephone number.",
        "Row 3, name: is empty.",
        "Row 3, group: has to be one of: managers, parents, practitioners.",
        "Row 3, age band: is under 18, but this is a list of staff.",
        "Row 4, e-mail: is the same as in row 3.",
        "Row 4, group: is empty.",
    ]


def test_problems_repeat_nothing_of_the_cells():
    roster = read("Name,Niece of Ann Canary,E-mail\nAnn Canary,x,canary-nonsense\n")
    assert "anary" not in " ".join(texts(roster))
    assert texts(roster)[0].startswith("Row 1, column 2: is not one of")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Row 1, list: is empty."),
        ("Ann\nBob", "Row 1, name: is missing. The first row has to name the columns."),
        ("Name,Name\nAnn,Bob", "Row 1, name: stands twice in the headings."),
        ("Name,Group\n", "Row 2, list: holds no people below the headings."),
        ("Name,Group\nA\x07nn,managers", "Row 2, name: holds a character that cannot be printed."),
        ("Name,Team,Group\nAnn,South,managers", "Row 2, team: is not a team of this site."),
        ("Name,Group\nAnn,managers,more", "Row 2, row: has more cells than there are headings."),
        ("Name,Group\n" + "x" * 201 + ",managers", "Row 2, name: is longer than 200 characters."),
    ],
)
def test_bad_lists(text, problem):
    assert problem in " ".join(texts(read(text)))


def test_list_of_too_many_people():
    assert "more than 500" in texts(read("Name,Group\n" + "Ann,managers\n" * 501))[0]


def test_quotation_mark_that_is_never_closed():
    with pytest.raises(BadFile, match="quotation mark"):
        rows_of_text('Name,Group\n"Ann,managers\n')


def test_workbook_is_read_and_a_damaged_one_refused():
    book = openpyxl.Workbook()
    book.active.append(["Name", "Phone", "Group"])
    book.active.append(["Ann", 1632960123.0, "managers"])
    book.active.append(["=1+1", None, "managers"])
    data = io.BytesIO()
    book.save(data)
    assert rows_of_workbook(data.getvalue()) == [
        ["Name", "Phone", "Group"],
        ["Ann", "1632960123", "managers"],
        ["", "", "managers"],
    ]
    with pytest.raises(BadFile):
        rows_of_workbook(b"PK\x03\x04 nonsense")


def test_workbook_with_damaged_parts_is_refused():
    data = io.BytesIO()
    openpyxl.Workbook().save(data)
    with zipfile.ZipFile(data) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    damages = (
        ("xl/workbook.xml", parts["xl/workbook.xml"][:80]),
        ("xl/worksheets/sheet1.xml", parts["xl/worksheets/sheet1.xml"][:-20]),
        ("[Content_Types].xml", parts["[Content_Types].xml"].replace(b"ContentType=", b"ChntentType=")),
    )
    for name, damaged in damages:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as book:
            for part, content in {**parts, name: damaged}.items():
                book.writestr(part, content)
        with pytest.raises(BadFile, match="not a workbook that can be read"):
            rows_of_workbook(made.getvalue())


def test_one_person_twice_on_a_list():
    rows = [
        "Name,E-mail,Phone",
        "Ann Canary,a@x.org,01632 960111",
        "ann  canary,b@x.org,+44 1632 960111",
        "Bo Twice,,",
        "Bo Twice,bo@x.org,",
        "Cy Two,c1@x.org,",
        "Cy Two,c2@x.org,",
    ]
    assert texts(read("\n".join(rows), default_group="managers")) == [
        "Row 3, name: and telephone number are those of row 2.",
        "Row 5, name: is the same as in row 4. Give both an e-mail address or a telephone number, or leave one out.",
    ]


def test_ages_that_are_none():
    ages = ("²", "-3", "15.5", "old")
    rows = "\n".join(f"Person {n},{age}" for n, age in enumerate(ages))
    found = texts(read(f"Name,Age\n{rows}", kind="family", default_group="parents"))
    assert [problem.split(",")[0] for problem in found] == ["Row 2", "Row 3", "Row 4", "Row 5"]
    bands = read("Name,Age\nAnn,٣\nBo,16\nCy,99", kind="family", default_group="parents").people
    assert [person.age_band for person in bands] == ["under_16", "16_17", "adult"]


def test_hostile_cells_are_kept_as_they_are():
    name = "=cmd|' /C calc'!A0 O’Neill-Ó Briain אבנר 🦊"
    roster = read(f"\ufeffName;Group\r\n{name};managers\r\n")
    assert [person.name for person in roster.people] == [name]


def test_normal_forms():
    from consent.rosters import normal_email, normal_phone

    assert normal_email(" Zoë@EXAMPLE.org ") == normal_email("zoë@example.ORG")
    assert normal_phone("+44 (0)1632 960-123") == normal_phone("01632 960123") == "01632960123"
    assert (normal_email("a b@x"), normal_phone("ring me"), normal_phone("1")) == ("", "", "")


# Acts


def listed(n=3, **changes):
    return [
        Listed(
            row=number + 2,
            name=f"{chr(65 + number)}nn Canary",
            email=f"{chr(97 + number)}@canary.org",
            group="practitioners",
            role_title="Social worker",
            teams=("team-1",),
            **changes,
        )
        for number in range(n)
    ]


@pytest.fixture
def stage(study, site_a, fieldwork, wave):
    def staged(people=None, **changes):
        values = {"site": site_a, "kind": "staff", "wave": wave(site_a, "12m"), "by": fieldwork, **changes}
        return recruiting.stage_roster(study, people=listed() if people is None else people, **values)

    return staged


def test_import_adds_everybody_and_destroys_the_list(stage, study, fieldwork):
    draft = stage()
    scope = vault.participant_scope(draft.pk)
    assert recruiting.preview_roster(draft, by=fieldwork).n_new == 3
    done = recruiting.import_roster(draft, by=fieldwork)
    assert (done.n_new, done.n_known, Participant.objects.count(), RosterDraft.objects.count()) == (
        3,
        0,
        3,
        0,
    )
    assert sorted(Participant.objects.values_list("code", flat=True)) == ["P-001", "P-002", "P-003"]
    membership = Membership.objects.first()
    assert (membership.group, membership.role_title) == ("practitioners", "Social worker")
    assert [team.code for team in membership.teams.all()] == ["team-1"]
    with pytest.raises(KeyDestroyed):
        vault.ensure_key(scope)
    event = AuditEvent.objects.get(action="participants.imported")
    assert event.counts == {"n_new": 3, "n_known": 0, "n_skipped": 0}


def test_import_twice_finds_nothing(stage, fieldwork):
    draft = stage()
    recruiting.import_roster(draft, by=fieldwork)
    with pytest.raises(NotFound):
        recruiting.import_roster(draft, by=fieldwork)
    assert Participant.objects.count() == 3


def test_same_list_again_knows_everybody_and_enters_the_next_wave(stage, site_a, wave, fieldwork):
    recruiting.import_roster(stage(), by=fieldwork)
    draft = stage(wave=wave(site_a, "24m"))
    preview = recruiting.preview_roster(draft, by=fieldwork)
    assert (preview.n_new, preview.known) == (0, ("P-001", "P-002", "P-003"))
    recruiting.import_roster(draft, by=fieldwork)
    assert (Participant.objects.count(), Membership.objects.count()) == (3, 6)


def test_codes_do_not_follow_the_order_of_the_list(stage, fieldwork):
    """Of 26 people the chance to be numbered in the order of the list is 1 in 26 factorial."""
    recruiting.import_roster(stage(listed(26)), by=fieldwork)
    contacts = Contact.objects.select_related("participant")
    names = contact.names_of(contacts)
    by_code = [names[c.participant_id] for c in sorted(contacts, key=lambda c: c.participant.code)]
    assert by_code != sorted(by_code)
    by_time = [names[p.pk] for p in Participant.objects.order_by("created_at")]
    assert by_time == by_code


def test_codes_are_never_given_twice(stage, fieldwork, add):
    recruiting.import_roster(stage(), by=fieldwork)
    Participant.objects.all().delete()
    assert add().code == "P-004"


def test_same_address_with_another_name_stops_the_whole_list(stage, add, fieldwork):
    add("Somebody Else", details={"email": "b@canary.org"})
    draft = stage()
    preview = recruiting.preview_roster(draft, by=fieldwork)
    assert [str(p) for p in preview.problems] == ["Row 3, e-mail: belongs to P-001, who has another name."]
    with pytest.raises(Invalid, match="Row 3"):
        recruiting.import_roster(draft, by=fieldwork)
    assert Participant.objects.count() == 1


def test_name_alone_of_somebody_in_the_study_stops_the_list(stage, add, fieldwork, study, site_b, wave):
    add("Zoe\u0308 Canary")  # a letter and its accent apart, as some systems write it
    people = [Listed(row=2, name="Zoë Canary", group="managers")]
    problem = "Row 2, name: is that of P-001."
    draft = stage(people)
    assert [str(p)[: len(problem)] for p in recruiting.preview_roster(draft, by=fieldwork).problems] == [
        problem
    ]
    with pytest.raises(Invalid, match="is that of P-001"):
        recruiting.import_roster(draft, by=fieldwork)
    people = [Listed(row=2, name="Zoë Canary", phone="01632 960111", group="managers")]
    assert recruiting.import_roster(stage(people), by=fieldwork).n_new == 1


def test_team_that_went_after_the_preview_stops_the_list(stage, site_a, fieldwork):
    draft = stage()
    site_a.teams.filter(code="team-1").delete()
    with pytest.raises(Invalid, match="no longer a team"):
        recruiting.import_roster(draft, by=fieldwork)


def test_list_for_a_phase_that_is_not_planned(stage, wave, site_a):
    late = wave(site_a, "24m")
    late.is_planned = False
    late.save()
    with pytest.raises(Invalid, match="not planned"):
        stage(wave=late)


def test_people_who_withdrew_are_left_alone(stage, fieldwork):
    recruiting.import_roster(stage(), by=fieldwork)
    gone = Participant.objects.get(code="P-002")
    withdrawal.withdraw(gone, scope="contact", by=fieldwork)
    draft = stage()
    assert recruiting.preview_roster(draft, by=fieldwork).withdrawn == ("P-002",)
    assert recruiting.import_roster(draft, by=fieldwork).n_skipped == 1


def test_family_shares_a_telephone_and_a_family_code(stage, fieldwork):
    people = [
        Listed(row=2, name="Una", phone="01632 960111", group="parents", family="Canary"),
        Listed(
            row=3, name="Vic", phone="01632 960111", group="parents", family="canary", age_band="under_16"
        ),
        Listed(row=4, name="Wyn", group="parents", family="Other"),
    ]
    recruiting.import_roster(stage(people, kind="family"), by=fieldwork)
    families = sorted(p.family.code for p in Participant.objects.select_related("family"))
    # People are numbered in no order, so either family may come first.
    assert sorted(families.count(code) for code in ("F-001", "F-002")) == [1, 2]


def test_another_sites_people_are_not_recognised(stage, study, site_b, other_site, wave, fieldwork):
    """Otherwise a list would tell that somebody works at the other site."""
    recruiting.import_roster(stage(), by=fieldwork)
    draft = stage(site=site_b, wave=wave(site_b, "12m"), by=other_site, people=listed(3))
    preview = recruiting.preview_roster(draft, by=other_site)
    assert (preview.n_new, preview.known, preview.problems) == (3, (), ())


def test_new_list_drops_the_one_before(stage, fieldwork):
    first = stage()
    second = stage()
    assert list(RosterDraft.objects.all()) == [second]
    recruiting.discard_roster(first, by=fieldwork)
    recruiting.discard_roster(second, by=fieldwork)
    recruiting.discard_roster(second, by=fieldwork)
    assert RosterDraft.objects.count() == 0


@pytest.mark.parametrize("role", ["lead", "researcher", "writer", "data_protection"])
def test_adding_people_by_a_role_that_may_not(role, stage, add, request):
    user = request.getfixturevalue(role)
    with pytest.raises(Refused):
        add(by=user)
    with pytest.raises(Refused):
        stage(by=user)


def test_adding_people_at_another_site(stage, add, other_site):
    with pytest.raises(NotFound):
        add(by=other_site)
    with pytest.raises(NotFound):
        stage(by=other_site)


def test_add_person_twice_is_told_where_they_are(add):
    add("Ann", details={"email": "a@x.org"})
    with pytest.raises(Conflict) as caught:
        add("Ann", details={"email": "A@x.org"})
    assert caught.value.fields == {"email": "See P-001."}


def test_add_person_twice_by_name_alone(add, site_b, other_site):
    add("Ann Ó Briain")
    with pytest.raises(Conflict) as caught:
        add("ann  Ó BRIAIN")
    assert caught.value.fields["name"].startswith("This name is that of P-001.")
    assert add("Ann Ó Briain", details={"phone": "01632 960111"}).code == "P-002"
    # Otherwise it would tell that somebody of this name is at the other site.
    assert add("Ann Ó Briain", site=site_b, by=other_site).code == "P-003"


def test_add_person_without_a_name_or_with_bad_details(add):
    for name, details, field in (
        (" ", {}, "name"),
        ("Ann", {"email": "nonsense"}, "email"),
        ("Ann", {"phone": "x"}, "phone"),
        ("Ann", {"address": "a\x00b"}, "address"),
    ):
        with pytest.raises(Invalid) as caught:
            add(name, details=details)
        assert set(caught.value.fields) == {field}
    assert Participant.objects.count() == 0


def test_membership_of_another_site_or_team(add, site_b, wave, fieldwork, site_a):
    person = add()
    with pytest.raises(Invalid):
        recruiting.set_membership(person, wave=wave(site_b, "12m"), group="managers", by=fieldwork)
    with pytest.raises(Invalid):
        recruiting.set_membership(
            person, wave=wave(site_a, "12m"), group="managers", teams=site_b.teams.all(), by=fieldwork
        )
    recruiting.set_membership(person, wave=wave(site_a, "12m"), group="managers", by=fieldwork)
    again = recruiting.set_membership(person, wave=wave(site_a, "12m"), group="leaders", by=fieldwork)
    assert (person.memberships.count(), again.group) == (1, "leaders")


def test_withdrawn_person_cannot_be_changed(add, fieldwork, site_a, wave):
    person = add()
    withdrawal.withdraw(person, scope="future", by=fieldwork)
    with pytest.raises(NotReady):
        recruiting.move_recruitment(person, to="declined", by=fieldwork)
    with pytest.raises(NotReady):
        recruiting.set_membership(person, wave=wave(site_a, "12m"), group="leaders", by=fieldwork)


def test_age_band(add, fieldwork):
    with pytest.raises(Invalid):
        recruiting.set_age_band(add(), age_band="under_16", by=fieldwork)
    child = add("Child", kind="family", age_band="under_16")
    assert recruiting.set_age_band(child, age_band="16_17", by=fieldwork).age_band == "16_17"
