from django.urls import path

from surveys.views import answers, indicators, instruments, intakes, returns

app_name = "surveys"
urlpatterns = [
    path("surveys/", instruments.instruments, name="instruments"),
    path("surveys/instruments/<uuid:pk>/", instruments.instrument, name="instrument"),
    path("surveys/instruments/<uuid:pk>/answers/", answers.answers, name="answers"),
    path("surveys/instruments/<uuid:pk>/export/", answers.export, name="answers_export"),
    path("surveys/rules/<uuid:pk>/", instruments.edit_rule, name="rule"),
    path("surveys/files/", intakes.intakes, name="intakes"),
    path("surveys/files/new/", intakes.new, name="intake_new"),
    path("surveys/files/<uuid:pk>/", intakes.intake, name="intake"),
    path("surveys/files/<uuid:pk>/columns/", intakes.columns, name="intake_columns"),
    path("surveys/files/<uuid:pk>/preview/", intakes.preview, name="intake_preview"),
    path("surveys/files/<uuid:pk>/drop/", intakes.drop, name="intake_drop"),
    path("surveys/files/<uuid:pk>/withdraw/", intakes.withdraw, name="intake_withdraw"),
    path("surveys/mappings/<uuid:pk>/", intakes.mapping_file, name="mapping"),
    path("surveys/returns/", returns.returns, name="returns"),
    path("surveys/returns/<uuid:wave>/", returns.enter, name="return"),
    path("surveys/returns/<uuid:pk>/withdraw/", returns.withdraw, name="return_withdraw"),
    path("indicators/", indicators.indicators, name="indicators"),
    path("indicators/export/", indicators.export, name="indicators_export"),
    path("indicators/<uuid:pk>/<uuid:wave>/", indicators.indicator, name="indicator"),
]
