from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone

from ipe.models.base import Record
from ipe.models.design import Evaluation, Site
from ipe.scoped import Scoped
from ipe.words import Role


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        if not email:
            raise ValueError("an account needs an e-mail address")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(Record, AbstractBaseUser, PermissionsMixin):
    """A person who works on studies. What they may do stands in `Member`, study by study.

    `may_create_studies` is the one right that no study gives. An account past `expires_on` cannot sign in.
    """

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    is_demo = models.BooleanField(default=False)
    may_create_studies = models.BooleanField(default=False)
    expires_on = models.DateField(null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name or self.email

    def has_expired(self) -> bool:
        return self.expires_on is not None and self.expires_on < timezone.localdate()


class MemberQuerySet(Scoped["Member"]):
    verb = "design.read"
    to_site = None

    def in_force(self) -> "MemberQuerySet":
        today = timezone.localdate()
        return self.filter(models.Q(expires_on=None) | models.Q(expires_on__gte=today), user__is_active=True)


class Member(Record):
    """One role of one person in one study. Without `all_sites` the role reaches only the sites listed."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=30, choices=Role.choices)
    all_sites = models.BooleanField("every site", default=False)
    sites = models.ManyToManyField(Site, blank=True, related_name="members")
    expires_on = models.DateField(null=True, blank=True)
    is_named_for_safeguarding = models.BooleanField(default=False)

    objects = MemberQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["evaluation", "user", "role"],
                name="one_row_per_role",
                violation_error_message="This person already has this role in the study.",
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values),
                name="member_role_is_known",
                violation_error_message="Choose one of the five roles.",
            ),
        )
        ordering = ("user__name", "role")

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.pk}"


class InvitationQuerySet(Scoped["Invitation"]):
    verb = "members.edit"
    to_site = None


class Invitation(Record):
    """An invitation to join a study, good for one use within 48 hours. Only a hash of its token is kept."""

    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.CASCADE, related_name="invitations", null=True
    )
    email = models.EmailField()
    role = models.CharField(max_length=30, choices=Role.choices, blank=True)
    all_sites = models.BooleanField(default=False)
    sites = models.ManyToManyField(Site, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    def is_open(self) -> bool:
        return self.accepted_at is None and self.withdrawn_at is None and self.expires_at > timezone.now()
