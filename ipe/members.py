"""Who works on a study: invitations, roles and sites of members."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from ipe import audit, roles
from ipe.errors import Conflict, Invalid, NotFound, Refused
from ipe.models import Evaluation, Invitation, Member, Site, User
from ipe.words import Role

INVITATION_HOURS = 48


def _hash(token: str) -> str:
    """The token is 256 random bits, so a plain digest cannot be guessed backwards."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checked_sites(evaluation: Evaluation, by: User, *, all_sites: bool, sites: Iterable[Site]) -> list[Site]:
    """The sites to give; somebody who is limited to some sites cannot give others."""
    listed = list(sites)
    if any(site.evaluation_id != evaluation.pk for site in listed):
        raise NotFound("There is no such site in this study.")
    if all_sites:
        roles.require_whole_study(by, "members.edit", evaluation)
        return []
    if not listed:
        told = "Choose at least one site, or every site."
        raise Invalid(told, fields={"sites": told})
    for site in listed:
        roles.require(by, "members.edit", evaluation, site)
    return listed


def _require_over(member: Member, by: User) -> None:
    """Changing a membership asks for the right over everything that it reaches."""
    roles.require(by, "members.edit", member.evaluation)
    if member.all_sites:
        roles.require_whole_study(by, "members.edit", member.evaluation)
    for site in member.sites.all():
        roles.require(by, "members.edit", member.evaluation, site)


def invite(
    evaluation: Evaluation, *, by: User, email: str, role: str, all_sites: bool, sites: Iterable[Site] = ()
) -> tuple[Invitation, str]:
    """Invite somebody by e-mail address to one role. Gives the invitation and its unkept token.

    An earlier open invitation of the same address to the same role is withdrawn.
    Raises
        Refused, NotFound, Invalid
        Conflict: The person has this role already.
    """
    roles.require(by, "members.edit", evaluation)
    listed = _checked_sites(evaluation, by, all_sites=all_sites, sites=sites)
    email = _address(email)
    if role not in Role.values:
        raise Invalid("Choose one of the five roles.", fields={"role": "Choose one of the five roles."})
    if evaluation.members.in_force().filter(user__email=email, role=role).exists():
        told = "This person has this role already. Change the sites on the members page."
        raise Conflict(told, fields={"email": told})
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        evaluation.invitations.filter(email=email, role=role, accepted_at=None, withdrawn_at=None).update(
            withdrawn_at=timezone.now()
        )
        invitation = Invitation.objects.create(
            evaluation=evaluation,
            email=email,
            role=role,
            all_sites=all_sites,
            token_hash=_hash(token),
            invited_by=by,
            expires_at=timezone.now() + dt.timedelta(hours=INVITATION_HOURS),
        )
        invitation.sites.set(listed)
        audit.record(
            "member.invited", invitation, by=by, evaluation=evaluation, counts={"sites": len(listed)}
        )
    return invitation, token


def _address(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        told = "Enter an e-mail address, like name@example.org."
        raise Invalid(told, fields={"email": told}) from None
    return email


def invite_from_outside(
    email: str, *, by: None = None, evaluation: Evaluation | None
) -> tuple[Invitation, str]:
    """The operator at the command line lets the first people in: whoever accepts leads every site of the study or,
    without one, may create studies. An earlier open invitation of this kind is withdrawn.

    Raises
        Invalid: This is no e-mail address.
    """
    email, role = _address(email), Role.LEAD if evaluation else ""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        Invitation.objects.filter(
            evaluation=evaluation, email=email, role=role, accepted_at=None, withdrawn_at=None
        ).update(withdrawn_at=timezone.now())
        invitation = Invitation.objects.create(
            evaluation=evaluation,
            email=email,
            role=role,
            all_sites=evaluation is not None,
            token_hash=_hash(token),
            expires_at=timezone.now() + dt.timedelta(hours=INVITATION_HOURS),
        )
        audit.record("account.invited", invitation, by=by, evaluation=evaluation)
    return invitation, token


def open_invitation(token: str) -> Invitation:
    """The invitation of a token, if it can still be accepted.

    Raises
        NotFound: Used, withdrawn, too old, or never made.
    """
    found = Invitation.objects.select_related("evaluation").filter(token_hash=_hash(token)).first()
    if found is None or not found.is_open():
        raise NotFound(
            "This invitation was used, withdrawn or is too old. Ask the evaluation lead for a new one."
        )
    return found


def accept_invitation(token: str, *, by: User | None, name: str = "", password: str = "") -> Member | None:
    """Join the study, or where the invitation is to none, be allowed to create studies (and None is given).

    Somebody new gives a name and a password; who has an account signs in first (`by`).

    Raises
        NotFound: The invitation is not open.
        Refused: The invitation is for another account, or for one that must sign in first.
        Invalid: The password is too weak, or the name is missing.
    """
    with transaction.atomic():
        open_invitation(token)
        invitation = Invitation.objects.select_for_update().get(token_hash=_hash(token))
        if not invitation.is_open():
            raise NotFound("This invitation was used, withdrawn or is too old. Ask for a new one.")
        if by is not None and by.email.lower() != invitation.email:
            raise Refused("This invitation is for another e-mail address. Sign out to accept it.")
        user = by
        if user is None:
            if User.objects.filter(email__iexact=invitation.email).exists():
                raise Refused("There is an account with this address. Sign in, then open the link again.")
            user = _new_user(invitation.email, name, password)
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        if invitation.evaluation is None:
            user.may_create_studies = True
            user.save(update_fields=["may_create_studies"])
            audit.record("account.may_create_studies", user, by=user)
            return None
        return _joined(invitation, invitation.evaluation, user)


def _joined(invitation: Invitation, evaluation: Evaluation, user: User) -> Member:
    member, is_new = Member.objects.get_or_create(
        evaluation=evaluation,
        user=user,
        role=invitation.role,
        defaults={"all_sites": invitation.all_sites},
    )
    if not is_new:
        member.all_sites, member.expires_on = invitation.all_sites, None
        member.save()
    member.sites.set(invitation.sites.all())
    roles.forget(user)
    audit.record("member.joined", member, by=user, evaluation=evaluation)
    return member


def _new_user(email: str, name: str, password: str) -> User:
    if not name.strip():
        raise Invalid("Enter your name.", fields={"name": "Enter your name."})
    user = User(email=email, name=name.strip())
    try:
        validate_password(password, user)
    except ValidationError as error:
        told = " ".join(error.messages)
        raise Invalid(told, fields={"password": told}) from None
    return User.objects.create_user(email, password, name=name.strip())


def withdraw_invitation(invitation: Invitation, *, by: User) -> None:
    """Make an open invitation useless; done twice it stays withdrawn.

    Raises
        Refused, NotFound
    """
    evaluation = invitation.evaluation
    if evaluation is None:
        raise NotFound("There is no such invitation.")
    roles.require(by, "members.edit", evaluation)
    if invitation.all_sites:
        roles.require_whole_study(by, "members.edit", evaluation)
    if not invitation.is_open():
        return
    with transaction.atomic():
        invitation.withdrawn_at = timezone.now()
        invitation.save(update_fields=["withdrawn_at"])
        audit.record("invitation.withdrawn", invitation, by=by, evaluation=evaluation)


def _keep_a_lead(member: Member) -> None:
    others = member.evaluation.members.in_force().filter(role=Role.LEAD, all_sites=True, expires_on=None)
    if not others.exclude(pk=member.pk).exists():
        raise Conflict("A study needs an evaluation lead for every site. Give somebody else that role first.")


def change_member(
    member: Member,
    *,
    by: User,
    role: str,
    all_sites: bool,
    sites: Iterable[Site] = (),
    expires_on: dt.date | None = None,
    is_named_for_safeguarding: bool = False,
) -> Member:
    """Change role, sites, last day and safeguarding of a member; in force from the next request.

    Raises
        Refused, NotFound, Invalid
        Conflict: The study would be left without an evaluation lead, or the person has that role already.
    """
    _require_over(member, by)
    listed = _checked_sites(member.evaluation, by, all_sites=all_sites, sites=sites)
    was_full_lead = member.role == Role.LEAD and member.all_sites
    with transaction.atomic():
        if was_full_lead and (role != Role.LEAD or not all_sites or expires_on is not None):
            _keep_a_lead(member)
        before = (member.role, member.all_sites, member.expires_on, member.is_named_for_safeguarding)
        after = (role, all_sites, expires_on, is_named_for_safeguarding)
        names = ("role", "all_sites", "expires_on", "is_named_for_safeguarding")
        changed = [name for name, old, new in zip(names, before, after, strict=True) if old != new]
        member.role, member.all_sites, member.expires_on, member.is_named_for_safeguarding = after
        try:
            member.full_clean()
        except ValidationError as error:
            raise Invalid(" ".join(error.messages)) from None
        member.save()
        if {site.pk for site in listed} != set(member.sites.values_list("pk", flat=True)):
            member.sites.set(listed)
            changed.append("sites")
        roles.forget(member.user)
        if changed:
            audit.record("member.changed", member, by=by, evaluation=member.evaluation, fields=changed)
    return member


def remove_member(member: Member, *, by: User) -> None:
    """End a role at once. The account and what the person did stay.

    Raises
        Refused, NotFound
        Conflict: The study would be left without an evaluation lead.
    """
    _require_over(member, by)
    with transaction.atomic():
        if member.role == Role.LEAD and member.all_sites:
            _keep_a_lead(member)
        audit.record("member.removed", member, by=by, evaluation=member.evaluation)
        roles.forget(member.user)
        member.delete()


def rename(user: User, *, name: str) -> User:
    """Set one's own name, as colleagues see it.

    Raises
        Invalid: The name is empty.
    """
    if not name.strip():
        raise Invalid("Enter your name.", fields={"name": "Enter your name."})
    with transaction.atomic():
        user.name = name.strip()
        user.save(update_fields=["name"])
        audit.record("account.renamed", user, by=user, fields=("name",))
    return user
