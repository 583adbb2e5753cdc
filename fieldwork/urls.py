from django.urls import path

from fieldwork.views import plan, schedule

app_name = "fieldwork"
urlpatterns = [
    path("fieldwork/", schedule.schedule, name="schedule"),
    path("fieldwork/plan/", plan.quotas, name="quotas"),
    path("fieldwork/plan/add/", plan.row_add, name="plan-add"),
    path("fieldwork/plan/<uuid:pk>/", plan.row_edit, name="plan-row"),
    path("fieldwork/plan/<uuid:pk>/remove/", plan.row_remove, name="plan-remove"),
    path("fieldwork/book/", schedule.book, name="book"),
    path("fieldwork/activities/<uuid:pk>/", schedule.activity, name="activity"),
    path("fieldwork/activities/<uuid:pk>/change/", schedule.change, name="change"),
    path("fieldwork/activities/<uuid:pk>/done/", schedule.done, name="done"),
    path("fieldwork/activities/<uuid:pk>/cancel/", schedule.cancel, name="cancel"),
    path("fieldwork/activities/<uuid:pk>/recording/", schedule.recording_add, name="recording-add"),
    path("fieldwork/recordings/<uuid:pk>/", schedule.recording_read, name="recording-read"),
    path("fieldwork/recordings/<uuid:pk>/destroy/", schedule.recording_destroy, name="recording-destroy"),
    path("fieldwork/export/", schedule.export, name="export"),
    path("fieldwork/people/<uuid:pk>/attempts/", schedule.attempt, name="attempt"),
]
