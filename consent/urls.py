from django.urls import path

from consent.views import lists, people, withdrawals, wording

app_name = "consent"
urlpatterns = [
    path("consent/", people.people, name="people"),
    path("consent/people/add/", people.add, name="person-add"),
    path("consent/people/import/", lists.roster, name="roster"),
    path("consent/people/import/<uuid:pk>/", lists.preview, name="roster-preview"),
    path("consent/people/import/<uuid:pk>/drop/", lists.discard, name="roster-discard"),
    path("consent/people/<uuid:pk>/", people.person, name="person"),
    path("consent/people/<uuid:pk>/recruitment/", people.recruitment, name="recruitment"),
    path("consent/people/<uuid:pk>/age/", people.age, name="age"),
    path("consent/people/<uuid:pk>/contact/", people.reveal, name="contact-reveal"),
    path("consent/people/<uuid:pk>/contact/edit/", people.contact, name="contact-edit"),
    path("consent/people/<uuid:pk>/role/", people.membership, name="membership"),
    path("consent/people/<uuid:pk>/sign/<uuid:version>/", wording.sign, name="sign"),
    path("consent/people/<uuid:pk>/withdraw/", withdrawals.withdraw, name="withdraw"),
    path("consent/signed/<uuid:pk>/", wording.signed, name="signed"),
    path("consent/signed/<uuid:pk>/set-aside/", wording.set_aside, name="set-aside"),
    path("consent/forms/", wording.forms, name="forms"),
    path("consent/forms/add/", wording.form_add, name="form-add"),
    path("consent/forms/<uuid:pk>/", wording.form, name="form"),
    path("consent/versions/<uuid:pk>/edit/", wording.version_edit, name="version-edit"),
    path("consent/versions/<uuid:pk>/publish/", wording.version_publish, name="version-publish"),
    path("consent/versions/<uuid:pk>/copy/", wording.version_copy, name="version-copy"),
    path("consent/withdrawals/", withdrawals.withdrawals, name="withdrawals"),
    path("consent/withdrawals/<uuid:pk>/", withdrawals.receipt, name="receipt"),
]
