from django.urls import path

from transcripts import views

app_name = "transcripts"
urlpatterns = [
    path("transcripts/", views.documents, name="list"),
    path("transcripts/import/", views.import_file, name="import"),
    path("transcripts/<uuid:pk>/", views.read, name="read"),
    path("transcripts/<uuid:pk>/assign/", views.assign, name="assign"),
    path("transcripts/<uuid:pk>/turns/", views.turns, name="turns"),
    path("transcripts/<uuid:pk>/turns/style/", views.read_again, name="style"),
    path("transcripts/<uuid:pk>/turns/confirm/", views.confirm, name="confirm"),
    path("transcripts/<uuid:pk>/turns/<int:ordinal>/", views.turn, name="turn"),
    path("transcripts/<uuid:pk>/drop/", views.drop, name="drop"),
    path("transcripts/<uuid:pk>/review/", views.review, name="review"),
    path("transcripts/<uuid:pk>/review/decide/", views.decide, name="decide"),
    path("transcripts/<uuid:pk>/review/add/", views.add, name="add"),
    path("transcripts/<uuid:pk>/review/find/", views.find, name="find"),
    path("transcripts/<uuid:pk>/review/speakers/<uuid:speaker>/", views.speaker, name="speaker"),
    path("transcripts/<uuid:pk>/clear/", views.clear, name="clear"),
    path("transcripts/<uuid:pk>/reopen/", views.reopen, name="reopen"),
    path("transcripts/<uuid:pk>/redact/", views.redact, name="redact"),
    path("transcripts/<uuid:pk>/redact/confirm/", views.redact_confirm, name="redact-confirm"),
    path("transcripts/<uuid:pk>/original/destroy/", views.destroy_original, name="destroy-original"),
    path("transcripts/<uuid:pk>/erase/", views.erase, name="erase"),
]
