"""Every address of the application."""

from importlib.util import find_spec

from django.conf import settings
from django.urls import include, path

from ipe.views import account, audit, design, health, jobs, members, overview, protocol, studies, thresholds

urlpatterns = [
    path("health/", health.health, name="health"),
    path("accounts/email/", account.fixed_address, name="account_email"),
    path("accounts/", include("allauth.urls")),
    path("", studies.studies, name="studies"),
    path("studies/new/", studies.new, name="study-new"),
    path("account/", account.account, name="account"),
    path("account/appearance/", account.appearance, name="appearance"),
    path("jobs/<uuid:pk>/", jobs.job, name="job"),
    path("jobs/<uuid:pk>/cancel/", jobs.cancel, name="job-cancel"),
    path("s/<slug:slug>/", overview.overview, name="overview"),
    path("s/<slug:slug>/jobs/", jobs.job_list, name="jobs"),
    path("s/<slug:slug>/settings/", design.settings, name="settings"),
    *design.paths(),
    path("s/<slug:slug>/settings/sites/<uuid:pk>/live/", design.live_dates, name="site-live-dates"),
    path("s/<slug:slug>/settings/sites/<uuid:site>/phases/<uuid:phase>/", design.wave, name="wave-edit"),
    path("s/<slug:slug>/settings/indicators/<uuid:pk>/", thresholds.indicator, name="indicator"),
    path("s/<slug:slug>/settings/indicators/<uuid:pk>/thresholds/add/", thresholds.add, name="threshold-add"),
    path(
        "s/<slug:slug>/settings/indicators/<uuid:pk>/thresholds/<uuid:threshold>/",
        thresholds.edit,
        name="threshold-edit",
    ),
    path(
        "s/<slug:slug>/settings/indicators/<uuid:pk>/thresholds/<uuid:threshold>/remove/",
        thresholds.remove,
        name="threshold-remove",
    ),
    path("s/<slug:slug>/settings/members/", members.members, name="members"),
    path("s/<slug:slug>/settings/members/invite/", members.invite, name="member-invite"),
    path("s/<slug:slug>/settings/members/<uuid:pk>/", members.edit, name="member-edit"),
    path("s/<slug:slug>/settings/members/<uuid:pk>/remove/", members.remove, name="member-remove"),
    path(
        "s/<slug:slug>/settings/invitations/<uuid:pk>/withdraw/", members.withdraw, name="invitation-withdraw"
    ),
    path("invitations/<str:token>/", members.accept, name="invitation"),
    path("s/<slug:slug>/settings/protocol/", protocol.protocol, name="protocol"),
    path("s/<slug:slug>/settings/protocol/export/", protocol.protocol_export, name="protocol-export"),
    path("protocol/import/", protocol.protocol_new, name="protocol-new"),
    path("s/<slug:slug>/settings/audit/", audit.audit, name="audit"),
    path("s/<slug:slug>/settings/audit/verify/", audit.verify, name="audit-verify"),
    *[
        path("s/<slug:slug>/", include(f"{room}.urls"))
        for room in settings.ROOMS
        if find_spec(f"{room}.urls")
    ],
    *[
        path("api/s/<slug:slug>/", include(f"{room}.api_urls"))
        for room in settings.ROOMS
        if find_spec(f"{room}.api_urls")
    ],
]
handler400 = "ipe.views.errors.bad_request"
handler403 = "ipe.views.errors.forbidden"
handler404 = "ipe.views.errors.not_found"
handler500 = "ipe.views.errors.server_error"
