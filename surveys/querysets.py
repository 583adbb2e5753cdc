"""Who sees which rows of the surveys room. Instruments are the study's; answers and returns belong to a
site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from ipe.scoped import Scoped

if TYPE_CHECKING:
    # Named in quotes below, where the linter does not look.
    from surveys.models import (
        AdminReturn,
        AdminValue,
        Answer,
        BaseRule,
        IndicatorRule,
        Instrument,
        Intake,
        Item,
        Mapping,
        Response,
        RuleChange,
        Scale,
        ScalePoint,
    )


class InstrumentQuerySet(Scoped["Instrument"]):
    verb = "intake.read"
    to_site = None


class ScaleQuerySet(Scoped["Scale"]):
    verb = "intake.read"
    to_evaluation = "instrument__evaluation"
    to_site = None


class ScalePointQuerySet(Scoped["ScalePoint"]):
    verb = "intake.read"
    to_evaluation = "scale__instrument__evaluation"
    to_site = None


class ItemQuerySet(Scoped["Item"]):
    verb = "intake.read"
    to_evaluation = "instrument__evaluation"
    to_site = None


class BaseRuleQuerySet(Scoped["BaseRule"]):
    verb = "intake.read"
    to_evaluation = "instrument__evaluation"
    to_site = None


class IndicatorRuleQuerySet(Scoped["IndicatorRule"]):
    verb = "intake.read"
    to_evaluation = "instrument__evaluation"
    to_site = None


class RuleChangeQuerySet(Scoped["RuleChange"]):
    verb = "intake.read"
    to_evaluation = "rule__instrument__evaluation"
    to_site = None


class MappingQuerySet(Scoped["Mapping"]):
    verb = "intake.read"
    to_evaluation = "instrument__evaluation"
    to_site = None

    def newest(self) -> Self:
        """The last version of each name."""
        from surveys.models import Mapping  # models reads this module

        later = Mapping.objects.filter(
            instrument=models.OuterRef("instrument"),
            name=models.OuterRef("name"),
            version__gt=models.OuterRef("version"),
        )
        return self.filter(~models.Exists(later))


class IntakeQuerySet(Scoped["Intake"]):
    verb = "intake.read"
    to_evaluation = "instrument__evaluation"
    to_site = "wave__site"

    def stored(self) -> Self:
        return self.filter(state="stored")

    def listed(self) -> Self:
        return self.select_related("instrument__evaluation", "wave__site", "wave__phase", "mapping", "job")


class ResponseQuerySet(Scoped["Response"]):
    verb = "intake.read"
    to_evaluation = "intake__instrument__evaluation"
    to_site = "intake__wave__site"


class AnswerQuerySet(Scoped["Answer"]):
    verb = "intake.read"
    to_evaluation = "response__intake__instrument__evaluation"
    to_site = "response__intake__wave__site"


class AdminReturnQuerySet(Scoped["AdminReturn"]):
    verb = "intake.read"
    to_evaluation = "wave__site__evaluation"
    to_site = "wave__site"

    def current(self) -> Self:
        return self.filter(state="current")


class AdminValueQuerySet(Scoped["AdminValue"]):
    verb = "intake.read"
    to_evaluation = "admin_return__wave__site__evaluation"
    to_site = "admin_return__wave__site"
