"""The pages: preview, confirm, errors by line, download; who may is in the access table."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from ipe.models import Evaluation, Member
from ipe.protocol.source import read_source
from ipe.protocol.study import export_protocol
from tests.conftest import make_user
from tests.ipe.protocol.files import SMALL


def upload(data: bytes, name: str = "protocol.yaml") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="application/yaml")


def hidden(answer: Any) -> dict[str, str]:
    return dict(answer.context["step"].confirm.initial)


@pytest.fixture
def here(study: Any) -> str:
    return reverse("protocol", kwargs={"slug": study.slug})


def test_preview_then_confirm_changes_the_study(study: Any, lead: Any, login: Any, here: str) -> None:
    client = login(lead)
    data = export_protocol(study).replace(b"name: Ashcombe", "name: Æsc & <b>Combe</b>".encode())
    preview = client.post(here, {"file": upload(data)})
    assert preview.status_code == 200
    assert "This changes the study" in preview.content.decode()
    assert study.sites.get(code="A").name == "Ashcombe"
    done = client.post(here, {**hidden(preview), "confirm": "1"}, follow=True)
    assert done.redirect_chain == [(here, 302)]
    assert "The protocol was imported." in done.content.decode()
    assert study.sites.get(code="A").name == "Æsc & <b>Combe</b>"


def test_file_that_changes_nothing_has_nothing_to_confirm(
    study: Any, lead: Any, login: Any, here: str
) -> None:
    answer = login(lead).post(here, {"file": upload(export_protocol(study))}).content.decode()
    assert "already as the file says" in answer
    assert 'name="confirm"' not in answer


def test_faults_are_listed_by_line(study: Any, lead: Any, login: Any, here: str) -> None:
    bad = b"evaluation:\n  slug: trial\n  titel: <script>x</script>\nphasess: []\n"
    answer = login(lead).post(here, {"file": upload(bad)})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "3 things to correct are listed below; nothing was changed." in text
    assert [problem.line for problem in answer.context["step"].problems] == [1, 3, 4]
    assert "<script>x" not in text


def test_damaged_confirmation_is_refused(study: Any, lead: Any, login: Any, here: str) -> None:
    answer = login(lead).post(here, {"content": "%%", "confirm": "1"})
    assert answer.status_code == 400
    assert "damaged on its way" in answer.content.decode()


def test_confirmation_is_checked_again(study: Any, lead: Any, login: Any, here: str) -> None:
    client = login(lead)
    preview = client.post(here, {"file": upload(export_protocol(study).replace(b"Ashcombe", b"Ash"))})
    Evaluation.objects.filter(pk=study.pk).update(slug="renamed")
    moved = reverse("protocol", kwargs={"slug": "renamed"})
    answer = client.post(moved, {**hidden(preview), "confirm": "1"})
    assert answer.status_code == 400
    assert "The file is about “trial”; this study is “renamed”." in answer.content.decode()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("protocol.pdf", b"evaluation: {}", ".yaml"),
        ("protocol.yaml", b"", "empty"),
        ("protocol.yaml", b"PK\x03\x04\x00\x00", ""),
        ("protocol.yaml", b"a: [" + b"x," * 600_000 + b"]", "1 MB"),
    ],
)
def test_files_of_other_kinds_are_refused(
    study: Any, lead: Any, login: Any, here: str, name: str, data: bytes, told: str
) -> None:
    answer = login(lead).post(here, {"file": upload(data, name)})
    assert answer.status_code == 400
    assert told in str(answer.context["form"].errors)


def test_download_is_the_export(study: Any, lead: Any, login: Any) -> None:
    answer = login(lead).get(reverse("protocol-export", kwargs={"slug": study.slug}))
    assert answer.content == export_protocol(study)
    assert answer["Content-Disposition"] == 'attachment; filename="trial-protocol.yaml"'
    assert read_source(answer.content).data["evaluation"]["slug"] == "trial"


def test_others_see_no_form(study: Any, researcher: Any, login: Any, here: str) -> None:
    text = login(researcher).get(here).content.decode()
    assert 'type="file"' not in text
    assert "protocol/export" not in text


def test_new_study_from_a_file(db: None, login: Any) -> None:
    user = make_user("creator@example.org", "Cara Creator")
    user.may_create_studies = True
    user.save()
    client, here = login(user), reverse("protocol-new")
    preview = client.post(here, {"file": upload(SMALL.encode())})
    assert "This makes the study “A small study”" in preview.content.decode()
    assert not Evaluation.objects.exists()
    done = client.post(here, {**hidden(preview), "confirm": "1"})
    assert done["Location"] == reverse("overview", kwargs={"slug": "small"})
    assert Member.objects.get(evaluation__slug="small").user == user
    again = client.post(here, {"file": upload(SMALL.encode())})
    assert again.status_code == 400
    assert "taken by another study" in again.content.decode()
