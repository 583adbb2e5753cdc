"""Released indicators as JSON, read-only: what a dashboard may show."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ipe import roles
from ipe.pages import study_of
from surveys import results
from surveys.tables import as_json
from surveys.views.fetching import scope_of


class IndicatorSerializer(serializers.Serializer):  # type: ignore[misc]  # the framework has no types
    """One figure. Figures are unrounded and null where they are suppressed."""

    indicator = serializers.CharField()
    item = serializers.CharField(allow_null=True)
    site = serializers.CharField()
    phase = serializers.CharField()
    scope = serializers.CharField()
    base_rule = serializers.CharField()
    numerator = serializers.FloatField(allow_null=True)
    base = serializers.FloatField(allow_null=True)
    eligible = serializers.FloatField(allow_null=True)
    percent = serializers.FloatField(allow_null=True)
    threshold = serializers.JSONField(allow_null=True)
    verdict = serializers.CharField()


class ReleasedIndicators(APIView):  # type: ignore[misc]  # the framework has no types
    """Indicators of a study against their thresholds, small counts suppressed."""

    @extend_schema(
        responses=IndicatorSerializer(many=True),
        parameters=[OpenApiParameter("site", str), OpenApiParameter("phase", str)],
    )
    def get(self, request: Request, slug: str) -> Response:
        study = study_of(request.user, slug)
        roles.require(request.user, "intake.read", study)
        scope = scope_of(request, study, request.GET.get("site", ""), request.GET.get("phase", ""))
        found = results.computed(scope).results
        return Response(as_json(found, results.rows_as(study, found, "released")))
