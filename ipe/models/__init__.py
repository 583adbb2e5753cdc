"""The shell's state: accounts, the study design, and what every room needs (audit, jobs, files, keys)."""

from ipe.models.accounts import Invitation, Member, User
from ipe.models.base import Record
from ipe.models.design import (
    ContextEvent,
    Evaluation,
    Indicator,
    Phase,
    ResearchQuestion,
    Site,
    Team,
    Threshold,
    ThresholdChange,
    Wave,
)
from ipe.models.trail import AuditEvent, AuditHead, Job
from ipe.models.vaulted import KeyDestruction, StoredFile, WrappedKey

__all__ = [
    "AuditEvent",
    "AuditHead",
    "ContextEvent",
    "Evaluation",
    "Indicator",
    "Invitation",
    "Job",
    "KeyDestruction",
    "Member",
    "Phase",
    "Record",
    "ResearchQuestion",
    "Site",
    "StoredFile",
    "Team",
    "Threshold",
    "ThresholdChange",
    "User",
    "Wave",
    "WrappedKey",
]
