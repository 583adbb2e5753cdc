"""The closed lists of the field, in the words that protocols use."""

from django.db.models import TextChoices


class Role(TextChoices):
    LEAD = "evaluation_lead", "Evaluation lead"
    FIELDWORK = "fieldwork_lead", "Fieldwork lead"
    RESEARCHER = "researcher", "Researcher"
    WRITER = "report_writer", "Report writer"
    DATA_PROTECTION = "data_protection_lead", "Data protection lead"


class Group(TextChoices):
    LEADERS = "leaders", "Leaders"
    MANAGERS = "managers", "Managers"
    PRACTITIONERS = "practitioners", "Practitioners"
    SPECIALISTS = "specialist_adult_practitioners", "Specialist adult practitioners"
    PARENTS = "parents", "Parents"
    YOUNG_PEOPLE = "young_people", "Young people"


class Method(TextChoices):
    ADMIN_DATA = "admin_data", "Administrative data"
    SURVEY = "survey", "Staff survey"
    INTERVIEW = "interview", "Interview"
    FOCUS_GROUP = "focus_group", "Focus group"
    OBSERVATION = "observation", "Observation"
    DOCUMENT_REVIEW = "document_review", "Document review"


class OutputClass(TextChoices):
    """What a release is made of decides the smallest count that may leave."""

    IMPACT = "impact", "Impact output"
    SURVEY = "survey", "Survey table"
    ORGANISATIONAL = "organisational", "Organisational count"
    QUALITATIVE = "qualitative", "Qualitative extract"


class Unit(TextChoices):
    PERCENT = "percent", "per cent"
    COUNT = "count", "count"
    FTE = "fte", "full-time equivalent"
    RATE = "rate", "rate"
    YES_NO = "yes_no", "yes or no"
    TEXT = "text", "described in words"


class Comparator(TextChoices):
    AT_LEAST = "at_least", "at least"
    AT_MOST = "at_most", "at most"
    YES = "yes", "yes"
    NO = "no", "no"


class ThresholdScope(TextChoices):
    OVERALL = "overall", "overall"
    EACH_ROLE = "each_role", "each role"
    EACH_TEAM = "each_team", "each team"


class Verdict(TextChoices):
    MET = "met", "Met"
    NOT_MET = "not_met", "Not met"
    CANNOT_SAY = "cannot_say", "Cannot say"
    SUPPRESSED = "suppressed", "Suppressed"
    NO_TARGET = "no_target", "No target"
