from django.urls import path

from releases import views

app_name = "releases"
urlpatterns = [
    path("releases/", views.releases, name="releases"),
    path("releases/<uuid:pk>/", views.release, name="release"),
    path("releases/<uuid:pk>/recipients/", views.add_recipient, name="recipient-add"),
    path("releases/<uuid:pk>/recipients/<uuid:recipient>/told/", views.tell, name="recipient-told"),
    path("releases/<uuid:pk>/recall/settle/", views.settle, name="recall-settle"),
]
