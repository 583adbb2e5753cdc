"""Bringing people into a study: one by one or as a list, and how far their recruitment is."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import secrets
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from consent import contact
from consent.models import Contact, Family, Membership, Participant, PseudonymSeries, RosterDraft
from consent.rosters import Listed, Problem, is_bare, normal_email, normal_phone, plain_name
from consent.states import AgeBand, Kind, Recruitment, Status, may_move
from ipe import audit, roles, vault
from ipe.errors import Conflict, Invalid, NotFound, NotReady
from ipe.models import Evaluation, Site, Team, User, Wave
from ipe.words import Group

DRAFT_HOURS = 24
STARTING = (Recruitment.LISTED, Recruitment.APPROACHED, Recruitment.AGREED)


def _next_numbers(evaluation: Evaluation, n: int) -> list[int]:
    """`n` numbers never given before in the study, in an order that says nothing.

    Codes given in the order of a list would keep its alphabetical order readable.
    """
    PseudonymSeries.objects.get_or_create(evaluation=evaluation)
    series = PseudonymSeries.objects.select_for_update().get(evaluation=evaluation)
    numbers = list(range(series.last_number + 1, series.last_number + n + 1))
    series.last_number += n
    series.save(update_fields=["last_number"])
    secrets.SystemRandom().shuffle(numbers)
    return numbers


def _new_person(evaluation: Evaluation, *, site: Site, number: int, **state: object) -> Participant:
    person = Participant(evaluation=evaluation, site=site, code=f"P-{number:03d}", **state)
    person.full_clean()
    person.save(force_insert=True)
    return person


def _family(evaluation: Evaluation, site: Site, code: str) -> Family | None:
    return (
        Family.objects.filter(evaluation=evaluation, site=site, code__iexact=code).first() if code else None
    )


def _new_family(evaluation: Evaluation, site: Site) -> Family:
    """A family is numbered apart; what a list calls it may be a surname and is not kept."""
    n_families = Family.objects.filter(evaluation=evaluation).count()
    family = Family(evaluation=evaluation, site=site, code=f"F-{n_families + 1:03d}")
    family.full_clean()
    family.save(force_insert=True)
    return family


def _check_site(evaluation: Evaluation, site: Site, wave: Wave | None, by: User) -> None:
    roles.require(by, "consent.edit", evaluation, site)
    roles.require(by, "contacts.edit", evaluation, site)
    if wave is not None and wave.site_id != site.pk:
        raise Invalid("The wave belongs to another site.", fields={"wave": "Choose a wave of this site."})
    if wave is not None and not wave.is_planned:
        raise Invalid(
            "This phase is not planned at this site.",
            fields={"wave": "This phase is not planned at the site."},
        )


@transaction.atomic
def add_person(
    evaluation: Evaluation,
    *,
    site: Site,
    kind: str,
    details: Mapping[str, str],
    by: User,
    age_band: str = AgeBand.ADULT,
    recruitment: str = Recruitment.LISTED,
    family_code: str = "",
    with_family_of: Participant | None = None,
    wave: Wave | None = None,
    group: str = "",
    role_title: str = "",
    teams: Iterable[Team] = (),
) -> Participant:
    """Add one person under a new code; name and contact details go into the vault under the person's own key.

    Raises
        Refused, NotFound: No right to add people at this site.
        Invalid: A detail is missing or not acceptable.
        Conflict: Somebody with this e-mail address, or this name and telephone number, is in the study
        already; or only a name is given that somebody of the site has.
    """
    _check_site(evaluation, site, wave, by)
    plain = contact.checked(details)
    if not plain.get("name"):
        raise Invalid("The name is missing.", fields={"name": "Enter the name."})
    if recruitment not in STARTING:
        raise Invalid("People begin as not yet approached, approached or agreed to contact.")
    known, _ = _known(evaluation, [_listed(plain)], by)
    if known:
        code = next(iter(known.values())).code
        raise Conflict(
            "This person is already in the study.",
            fields={"email" if plain.get("email") else "phone": f"See {code}."},
        )
    for namesake in _namesakes(site, [_listed(plain)]):
        raise Conflict("Somebody of the site has this name.", fields={"name": f"This name {namesake.text}"})
    family = _family(evaluation, site, family_code)
    if family_code and family is None:
        raise Invalid(
            "There is no such family.", fields={"family_code": "No family at this site has this code."}
        )
    if with_family_of is not None and with_family_of.site_id != site.pk:
        raise Invalid(
            "The family belongs to another site.",
            fields={"with_family_of": "Choose somebody of this site."},
        )
    if with_family_of is not None:
        family = with_family_of.family or _new_family(evaluation, site)
        if with_family_of.family_id is None:
            Participant.objects.filter(pk=with_family_of.pk).update(family=family)
    person = _new_person(
        evaluation,
        site=site,
        number=_next_numbers(evaluation, 1)[0],
        kind=kind,
        age_band=age_band,
        recruitment=recruitment,
        family=family,
    )
    contact.write_contact(person, plain)
    if wave is not None:
        _write_membership(person, wave=wave, group=group, role_title=role_title, teams=teams)
    audit.record("participant.added", person, by=by, evaluation=evaluation, fields=sorted(plain))
    return person


def _listed(plain: Mapping[str, str]) -> Listed:
    return Listed(row=1, name=plain["name"], email=plain.get("email", ""), phone=plain.get("phone", ""))


def _write_membership(
    person: Participant, *, wave: Wave, group: str, role_title: str, teams: Iterable[Team]
) -> Membership:
    if wave.site_id != person.site_id:
        raise Invalid("The wave belongs to another site.", fields={"wave": "Choose a wave of this site."})
    if group not in Group.values:
        raise Invalid("The group is missing.", fields={"group": "Choose a group."})
    teams = list(teams)
    if any(team.site_id != person.site_id for team in teams):
        raise Invalid("A team belongs to another site.", fields={"teams": "Choose teams of this site."})
    membership = Membership.objects.filter(participant=person, wave=wave).first() or Membership(
        participant=person, wave=wave
    )
    membership.group, membership.role_title = group, role_title.strip()
    membership.full_clean()
    membership.save()
    membership.teams.set(teams)
    return membership


@transaction.atomic
def set_membership(
    participant: Participant,
    *,
    wave: Wave,
    group: str,
    role_title: str = "",
    teams: Iterable[Team] = (),
    by: User,
) -> Membership:
    """Say what a person is in one wave; a second call for the wave replaces the first.

    Raises
        Refused, NotFound: No right to edit at this site.
        Invalid: Wave or team of another site, or no group.
        NotReady: The person has withdrawn.
    """
    roles.require(by, "consent.edit", participant.evaluation, participant.site)
    held = _active(participant)
    membership = _write_membership(held, wave=wave, group=group, role_title=role_title, teams=teams)
    audit.record(
        "membership.set",
        membership,
        by=by,
        evaluation=held.evaluation,
        fields=["group", "role_title", "teams"],
    )
    return membership


def _active(participant: Participant) -> Participant:
    """The person, locked.

    Raises
        NotReady: They have withdrawn.
    """
    held = (
        Participant.objects.select_for_update(of=("self",))
        .select_related("evaluation", "site")
        .get(pk=participant.pk)
    )
    if held.status != Status.ACTIVE:
        raise NotReady(f"{held.code} has withdrawn; nothing can be changed.")
    return held


@transaction.atomic
def move_recruitment(participant: Participant, *, to: str, by: User) -> Participant:
    """Take a person to the next state of recruitment. To where they are already: nothing happens.

    Raises
        Refused, NotFound: No right to edit consent at this site.
        NotReady: The person has withdrawn, or this state does not follow from the present one.
    """
    roles.require(by, "consent.edit", participant.evaluation, participant.site)
    held = _active(participant)
    if held.recruitment == to:
        return held
    if to not in Recruitment.values or not may_move(held.recruitment, to):
        wanted = Recruitment(to).label.lower() if to in Recruitment.values else "that"
        raise NotReady(
            f"{held.code} is “{held.get_recruitment_display().lower()}”; “{wanted}” does not follow from it."
            + (" Record their answers on a consent form instead." if to == Recruitment.CONSENTED else "")
        )
    held.recruitment = to
    held.full_clean()
    held.save(update_fields=["recruitment"])
    audit.record(
        "participant.recruitment", held, by=by, evaluation=held.evaluation, fields=[f"recruitment:{to}"]
    )
    return held


@transaction.atomic
def set_age_band(participant: Participant, *, age_band: str, by: User) -> Participant:
    """Correct a family member's age band, for instance when a child turns 16 between phases.

    Raises
        Refused, NotFound, NotReady: As for `move_recruitment`.
        Invalid: Staff are 18 or over.
    """
    roles.require(by, "consent.edit", participant.evaluation, participant.site)
    held = _active(participant)
    if held.age_band == age_band:
        return held
    if held.kind == Kind.STAFF or age_band not in AgeBand.values:
        raise Invalid("Members of staff are 18 or over.", fields={"age_band": "Choose one of the age bands."})
    held.age_band = age_band
    held.full_clean()
    held.save(update_fields=["age_band"])
    audit.record("participant.age_band", held, by=by, evaluation=held.evaluation, fields=["age_band"])
    return held


# Lists: staged under a key of their own, previewed in counts, imported whole or not at all.


@dataclasses.dataclass(frozen=True)
class RosterPreview:
    """What importing a list would do. No names: rows by number, people by code."""

    n_people: int
    n_new: int
    known: tuple[str, ...]
    withdrawn: tuple[str, ...]
    n_families: int
    groups: tuple[tuple[str, int], ...]
    problems: tuple[Problem, ...]


@dataclasses.dataclass(frozen=True)
class Imported:
    n_new: int
    n_known: int
    n_skipped: int


def _known(
    evaluation: Evaluation, people: Sequence[Listed], by: User
) -> tuple[dict[int, Participant], list[Problem]]:
    """Which rows are people of the study already: the same e-mail address, or the same name and telephone
    number.

    Two people may share a telephone (a family, an office), so a number alone proves nothing. Only people
    visible to the user count.
    """
    study = vault.evaluation_scope(evaluation)
    visible = Participant.objects.filter(evaluation=evaluation).visible_to(by)
    held = list(Contact.objects.filter(participant__in=visible).select_related("participant__site"))
    by_email = {bytes(row.email_index): row for row in held if row.email_index}
    by_phone: dict[bytes, list[Contact]] = {}
    for row in held:
        if row.phone_index:
            by_phone.setdefault(bytes(row.phone_index), []).append(row)
    known: dict[int, Participant] = {}
    problems: list[Problem] = []
    candidates: dict[int, tuple[Contact | None, list[Contact]]] = {}
    for person in people:
        email, phone = normal_email(person.email), normal_phone(person.phone)
        same_email = by_email.get(vault.index(study, email)) if email and by_email else None
        same_phone = by_phone.get(vault.index(study, phone), []) if phone and by_phone else []
        if same_email or same_phone:
            candidates[person.row] = (same_email, same_phone)
    names = contact.names_of(
        {c.pk: c for e, p in candidates.values() for c in [*p, *([e] if e else [])]}.values()
    )
    for person in people:
        same_email, same_phone = candidates.get(person.row, (None, []))
        wanted = plain_name(person.name)
        if same_email is not None:
            if plain_name(names.get(same_email.participant_id, "")) != wanted:
                text = f"belongs to {same_email.participant.code}, who has another name."
                problems.append(Problem(person.row, "e-mail", text))
            known[person.row] = same_email.participant
            continue
        for row in same_phone:
            if plain_name(names.get(row.participant_id, "")) == wanted:
                known[person.row] = row.participant
    return known, problems


def _namesakes(site: Site, people: Sequence[Listed]) -> list[Problem]:
    """Rows that give only a name, where somebody of the site has it: taken as new, one person would have two
    codes and withdraw under one."""
    bare = [person for person in people if is_bare(person)]
    if not bare:
        return []
    held = Contact.objects.filter(participant__site=site).select_related("participant")
    codes = {row.participant_id: row.participant.code for row in held}
    by_name = {plain_name(name): codes[person_id] for person_id, name in contact.names_of(held).items()}
    return [
        Problem(
            person.row,
            "name",
            f"is that of {code}. Give the e-mail address or telephone number to tell whether it is the same "
            "person.",
        )
        for person in bare
        if (code := by_name.get(plain_name(person.name)))
    ]


@transaction.atomic
def stage_roster(
    evaluation: Evaluation,
    *,
    site: Site,
    kind: str,
    people: Sequence[Listed],
    by: User,
    wave: Wave | None = None,
    recruitment: str = Recruitment.LISTED,
) -> RosterDraft:
    """Keep a list that was read without problems, sealed, until it is imported or dropped.

    Drops the person's earlier unfinished lists of the study, and any of the study older than a day.

    Raises
        Refused, NotFound: No right to add people at this site.
        Invalid: The list is empty, or the starting state is not one to begin with.
    """
    _check_site(evaluation, site, wave, by)
    if not people:
        raise Invalid("The list is empty.")
    if recruitment not in STARTING:
        raise Invalid("People begin as not yet approached, approached or agreed to contact.")
    old = timezone.now() - dt.timedelta(hours=DRAFT_HOURS)
    for draft in RosterDraft.objects.filter(evaluation=evaluation):
        if draft.made_by_id == by.pk or draft.created_at < old:
            drop(draft)
    draft = RosterDraft(
        id=uuid.uuid4(),
        evaluation=evaluation,
        site=site,
        wave=wave,
        kind=kind,
        recruitment=recruitment,
        made_by=by,
    )
    rows = json.dumps([dataclasses.asdict(person) for person in people])
    draft.rows_sealed = vault.seal(vault.participant_scope(draft.pk), rows, where=draft.where)
    draft.full_clean()
    draft.save(force_insert=True)
    return draft


def _people_of(draft: RosterDraft) -> list[Listed]:
    rows = json.loads(
        vault.open_sealed(vault.participant_scope(draft.pk), bytes(draft.rows_sealed), where=draft.where)
    )
    return [Listed(**{**row, "teams": tuple(row["teams"])}) for row in rows]


def drop(draft: RosterDraft) -> None:
    """Destroy a staged list and its key, in the caller's transaction."""
    vault.destroy_key(vault.participant_scope(draft.pk))
    draft.delete()


def preview_roster(draft: RosterDraft, *, by: User) -> RosterPreview:
    """What importing would do, in counts and codes; reads only.

    Raises
        Refused, NotFound: No right to add people at this site.
    """
    _check_site(draft.evaluation, draft.site, draft.wave, by)
    people = _people_of(draft)
    known, problems = _known(draft.evaluation, people, by)
    for row, participant in known.items():
        if participant.site_id != draft.site_id:
            problems.append(Problem(row, "name", f"is {participant.code}, who belongs to another site."))
    problems += _namesakes(draft.site, [person for person in people if person.row not in known])
    teams = set(draft.site.teams.values_list("code", flat=True))
    problems += [
        Problem(person.row, "team", "is no longer a team of this site.")
        for person in people
        if not teams.issuperset(person.teams)
    ]
    twice = [code for code, n in Counter(p.code for p in known.values()).items() if n > 1]
    problems += [Problem(1, "list", f"names {code} more than once.") for code in sorted(twice)]
    withdrawn = {p.code for p in known.values() if p.status != Status.ACTIVE}
    groups = Counter(person.group for person in people)
    return RosterPreview(
        n_people=len(people),
        n_new=len(people) - len(known),
        known=tuple(sorted({p.code for p in known.values()} - withdrawn)),
        withdrawn=tuple(sorted(withdrawn)),
        n_families=len({person.family.casefold() for person in people if person.family}),
        groups=tuple((Group(code).label, n) for code, n in sorted(groups.items()) if code),
        problems=tuple(problems),
    )


@transaction.atomic
@transaction.atomic(using=vault.KEYS)  # one commit for all the keys, before the people they belong to
def import_roster(draft: RosterDraft, *, by: User) -> Imported:
    """Add everybody on a staged list: all or nothing. People already in the study get the wave's membership.

    People who withdrew are left alone. The list is destroyed; importing it a second time finds nothing.

    Raises
        Refused, NotFound: No right to add people at this site; the list is gone.
        Invalid: Rows contradict what the study holds (named by row and column).
    """
    held = RosterDraft.objects.select_for_update(of=("self",)).filter(pk=draft.pk).first()
    if held is None:
        raise NotFound("This list was already imported or dropped.")
    evaluation, site = held.evaluation, held.site
    preview = preview_roster(held, by=by)
    if preview.problems:
        raise Invalid("The list cannot be imported: " + " ".join(map(str, preview.problems[:20])))
    people = _people_of(held)
    known, _ = _known(evaluation, people, by)
    teams = {team.code: team for team in site.teams.all()}
    new = [person for person in people if person.row not in known]
    numbers = dict(zip((p.row for p in new), _next_numbers(evaluation, len(new)), strict=True))
    families: dict[str, Family] = {}
    # Written in the order of the codes: the order of rows in the table must not show the list's order either.
    for person in sorted(people, key=lambda p: (numbers.get(p.row, 0), p.row)):
        participant = known.get(person.row)
        if participant is not None and participant.status != Status.ACTIVE:
            continue
        if participant is None:
            participant = _new_person(
                evaluation,
                site=site,
                number=numbers[person.row],
                kind=held.kind,
                age_band=person.age_band,
                recruitment=held.recruitment,
                family=_family_named(evaluation, site, person.family, families),
            )
            contact.write_contact(participant, _details(person))
        if held.wave is not None and person.group:
            mine = [teams[code] for code in person.teams]
            _write_membership(
                participant, wave=held.wave, group=person.group, role_title=person.role_title, teams=mine
            )
    done = Imported(n_new=len(new), n_known=len(preview.known), n_skipped=len(preview.withdrawn))
    audit.record("participants.imported", site, by=by, evaluation=evaluation, counts=dataclasses.asdict(done))
    drop(held)
    return done


def _details(person: Listed) -> dict[str, str]:
    named = ("name", "email", "phone", "address", "safe_note", "preference")
    return {name: text for name in named if (text := getattr(person, name))}


def _family_named(
    evaluation: Evaluation, site: Site, name: str, families: dict[str, Family]
) -> Family | None:
    if not name:
        return None
    key = name.casefold()
    if key not in families:
        families[key] = _family(evaluation, site, name) or _new_family(evaluation, site)
    return families[key]


@transaction.atomic
def discard_roster(draft: RosterDraft, *, by: User) -> None:
    """Drop a staged list and destroy its key. Twice: nothing happens.

    Raises
        Refused, NotFound: No right to add people at this site.
    """
    roles.require(by, "consent.edit", draft.evaluation, draft.site)
    held = RosterDraft.objects.filter(pk=draft.pk).first()
    if held is not None:
        drop(held)
