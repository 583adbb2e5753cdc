"""Every URL of the surveys room, and who may open it."""

from __future__ import annotations

from typing import Any

from ipe import jobs
from surveys import intake as acts
from surveys import mapping, returns
from tests.access.table import Row
from tests.surveys.conftest import MAPPING, as_csv, fifty, make_indicators, make_instrument


def build(world: dict[str, Any]) -> None:
    study, site = world["study"], world["site_a"]
    make_indicators(study)
    instrument = world["instrument"] = make_instrument(study)
    saved = world["mapping"] = acts.save_mapping(instrument, part=mapping.checked(MAPPING), by=None)
    wave = world["survey_wave"] = site.waves.get(phase__code="12m")
    jobs.load_tasks()

    def opened(n_met: int) -> Any:
        row = acts.open_intake(
            instrument, wave=wave, file_name="answers.csv", data=as_csv(fifty(n_met)), by=world["fieldwork"]
        )
        return acts.choose_mapping(row, mapping=saved, by=None)

    world["intake"] = opened(35)
    jobs.run(acts.confirm(world["intake"], by=world["fieldwork"]).pk)
    world["draft"] = opened(20)
    world["draft_to_drop"] = opened(21)
    world["rule"] = instrument.rules.first()
    world["indicator"] = study.indicators.get(code="training-useful")
    world["return"] = returns.record_return(
        wave,
        figures=[returns.FigureGiven("vacancy", numerator=4, base=20)],
        source="HR",
        by=world["fieldwork"],
    )


READ = {"data_protection": 403}
AT_SITE = {"data_protection": 403, "other_site": 404}
EDIT = {"researcher": 403, "writer": 403, "data_protection": 403, "other_site": 404}
LEAD = {"fieldwork": 403, "researcher": 403, "writer": 403, "data_protection": 403, "other_site": 403}
RELEASE = {"lead": 403, "fieldwork": 403, "data_protection": 403}

ROWS = [
    Row("surveys:instruments", **READ),
    Row("surveys:instrument", {"pk": "instrument"}, **READ),
    Row("surveys:answers", {"pk": "instrument"}, **READ),
    Row("surveys:answers_export", {"pk": "instrument"}, **RELEASE),
    Row("surveys:answers_export", {"pk": "instrument"}, "POST", {}, lead=403, fieldwork=403, researcher=422,
        writer=422, data_protection=403, other_site=422),
    Row("surveys:rule", {"pk": "rule"}, **LEAD),
    Row("surveys:rule", {"pk": "rule"}, "POST", {}, **(LEAD | {"lead": 422})),
    Row("surveys:intakes", **READ),
    Row("surveys:intake_new", **(EDIT | {"other_site": 200})),
    Row("surveys:intake_new", {}, "POST", {}, **(EDIT | {"lead": 422, "fieldwork": 422, "other_site": 422})),
    Row("surveys:intake", {"pk": "intake"}, **AT_SITE),
    Row("surveys:intake_columns", {"pk": "draft"}, **EDIT),
    Row("surveys:intake_columns", {"pk": "draft"}, "POST", {}, **(EDIT | {"lead": 422, "fieldwork": 422})),
    Row("surveys:intake_preview", {"pk": "draft"}, **EDIT),
    Row("surveys:intake_preview", {"pk": "draft"}, "POST", {}, **(EDIT | {"lead": 422, "fieldwork": 422})),
    Row("surveys:intake_drop", {"pk": "draft_to_drop"}, **EDIT),
    Row("surveys:intake_drop", {"pk": "draft_to_drop"}, "POST", {}, **(EDIT | {"lead": 302, "fieldwork": 302})),
    Row("surveys:intake_withdraw", {"pk": "intake"}, **EDIT),
    Row("surveys:intake_withdraw", {"pk": "intake"}, "POST", {}, **(EDIT | {"lead": 302, "fieldwork": 302})),
    Row("surveys:mapping", {"pk": "mapping"}, **READ),
    Row("surveys:returns", **READ),
    Row("surveys:return", {"wave": "survey_wave"}, **EDIT),
    Row("surveys:return", {"wave": "survey_wave"}, "POST", {}, **(EDIT | {"lead": 422, "fieldwork": 422})),
    Row("surveys:return_withdraw", {"pk": "return"}, **EDIT),
    Row("surveys:return_withdraw", {"pk": "return"}, "POST", {}, **(EDIT | {"lead": 302, "fieldwork": 302})),
    Row("surveys:indicators", **READ),
    Row("surveys:indicators_export", **RELEASE),
    Row("surveys:indicators_export", {}, "POST", {}, lead=403, fieldwork=403, researcher=422, writer=422,
        data_protection=403, other_site=422),
    Row("surveys:indicator", {"pk": "indicator", "wave": "survey_wave"}, **AT_SITE),
    Row("surveys-api:indicators", {}, data_protection=403, outsider=404, anonymous=403),
]  # fmt: skip
