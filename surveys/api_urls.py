from django.urls import path

from surveys.api import ReleasedIndicators

app_name = "surveys-api"
urlpatterns = [path("indicators/", ReleasedIndicators.as_view(), name="indicators")]
