"""The protocol's section `collection_plan`: what is collected from whom, how much of it and in which
phases."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BaseModel, Field, StringConstraints

from fieldwork.models import PlanRow
from fieldwork.planning import write_row
from ipe.errors import Invalid
from ipe.models import Evaluation
from ipe.protocol.schema import Code, MaybeTitle, Part
from ipe.words import Group, Method

Slug = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]+\z", max_length=60)]


class PlanPart(Part):
    """One row. `number` counts activities per site and phase; left out, everybody is asked. `minimum` is the least."""

    code: Slug
    method: Annotated[Method, Field(strict=False)]
    group: Annotated[Group, Field(strict=False)] | None = None
    phases: Annotated[list[Code], Field(min_length=1)]
    number: Annotated[int, Field(ge=0, le=10_000)] | None = None
    minimum: Annotated[int, Field(ge=0, le=10_000)] | None = None
    people_each: Annotated[int, Field(ge=1, le=1000)] = 1
    note: MaybeTitle = ""


class CollectionPlan:
    """Reads and writes the study's collection plan in the order of its rows."""

    name = "collection_plan"
    model = cast(type[BaseModel], list[PlanPart])

    def read(self, evaluation: Evaluation) -> list[PlanPart]:
        return [_part(row) for row in evaluation.plan_rows.prefetch_related("phases")]

    def write(self, evaluation: Evaluation, section: list[PlanPart], report: Any) -> None:
        """Make the plan what the section says, in the caller's transaction.

        Raises
            Invalid: A code stands twice, a phase does not exist, or a row left out has activities.
        """
        codes = [part.code for part in section]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise Invalid(f"Two rows of the collection plan have the code “{twice[0]}”.")
        phases = {phase.code: phase for phase in evaluation.phases.all()}
        gone = evaluation.plan_rows.exclude(code__in=codes)
        for row in gone:
            if row.activities.exists():
                raise Invalid(f"The row “{row.code}” of the collection plan has activities and cannot go.")
        gone.delete()
        for order, part in enumerate(section):
            unknown = [code for code in part.phases if code not in phases]
            if unknown:
                raise Invalid(f"The collection plan names “{unknown[0]}”, which is not a phase.")
            write_row(
                evaluation,
                code=part.code,
                method=part.method,
                phases=[phases[code] for code in part.phases],
                group=part.group or "",
                number=part.number,
                minimum=part.minimum,
                people_each=part.people_each,
                note=part.note,
                order=order,
            )


def _part(row: PlanRow) -> PlanPart:
    return PlanPart(
        code=row.code,
        method=Method(row.method),
        group=Group(row.group) if row.group else None,
        phases=[phase.code for phase in row.phases.all()],
        number=row.number,
        minimum=row.minimum,
        people_each=row.people_each,
        note=row.note,
    )
