"""Rules about the project itself: what would go stale if no test looked."""

import ast
import io
import re
import subprocess
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.template.loader import get_template
from django.urls import reverse

from tests import rows

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "exports",
    "impact",
    "ipe",
    "consent",
    "releases",
    "fieldwork",
    "surveys",
    "transcripts",
    "coding",
    "findings",
)


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_env_example_is_complete():
    """Every variable that the settings read stands in .env.example, and no other."""
    tree = ast.parse((ROOT / "ipe/settings.py").read_text())
    read = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = ast.unparse(node.func)
            if name.startswith("env.") or name == "_database":
                variable = ast.literal_eval(node.args[0]) if isinstance(node.args[0], ast.Constant) else None
                if variable and variable.isupper():
                    read.add(variable)
                    if name == "env.secret":
                        read.add(f"{variable}_FILE")
    listed = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read == listed


@pytest.mark.django_db
def test_migrations_are_current():
    call_command("makemigrations", check=True, dry_run=True, stdout=io.StringIO())


def test_system_checks_pass():
    call_command("check", fail_level="WARNING", stderr=io.StringIO())


def test_description_of_the_api_is_whole_and_valid():
    """Every JSON answer is described, in OpenAPI 3, without a guess of the generator."""
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    described = re.findall(r"^  (/api/\S+):$", out.getvalue(), re.MULTILINE)
    assert [path.format(slug="trial") for path in described] == [
        reverse("surveys-api:indicators", kwargs={"slug": "trial"})
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_template_compiles_and_has_nothing_inline(path):
    """No inline script, style or handler: the content security policy would refuse it in the browser."""
    get_template(str(path.relative_to(ROOT / "templates")))
    text = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text)
    assert "<style" not in text
    assert all(
        "src=" in tag or 'type="application/json"' in tag for tag in re.findall(r"<script[^>]*>", text)
    )
    assert "|safe" not in text
    assert "autoescape off" not in text
    assert not re.search(r"(src|href)=[\"']https?://", text)


def test_dependencies_carry_a_reason():
    for name in ("requirements.in", "requirements-dev.in"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-c")):
                assert re.search(r"\s# \w", line), f"{name}: {line}"


def test_every_exception_from_a_rule_has_its_reason():
    for path in python_files(*ROOMS, "tests"):
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"# noqa\b", line):
                assert re.search(r"# noqa: [A-Z0-9, ]+\S* +\S", line), f"{path.relative_to(ROOT)}:{number}"


def test_exports_and_impact_know_nothing_of_django():
    for path in python_files("exports", "impact"):
        assert not re.search(r"^\s*(from|import) (django|ipe)\b", path.read_text(), re.MULTILINE), path


def test_every_model_with_a_study_is_read_through_visible_to():
    """A model whose queryset has no `visible_to` could be listed without asking the role."""
    open_models = {
        "ipe.User", "ipe.WrappedKey", "ipe.KeyDestruction", "ipe.StoredFile", "ipe.AuditHead",
        "consent.PseudonymSeries", "consent.DeletionLedger",
        # Parts that are only read through a row that is guarded: a document, an entity, a code, a cell.
        "transcripts.Speaker", "transcripts.OriginalTurn", "transcripts.EntityName",
        "coding.CodeRevision", "coding.CellHistory",
    }  # fmt: skip
    unguarded = [
        model._meta.label
        for model in apps.get_models()
        if model._meta.app_label in ROOMS
        and model._meta.label not in open_models
        and not hasattr(model._default_manager.get_queryset(), "visible_to")
    ]
    assert unguarded == []


def test_nothing_of_the_machine_is_committed():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if (
            name
            and path.is_file()
            and path.suffix in {".py", ".md", ".html", ".js", ".css", ".toml", ".yaml", ".in"}
        ):
            assert not re.search(r"(?<![\w.])/(?:work|home|root)/", path.read_text(errors="ignore")), name


def test_secrets_are_not_committed():
    listed = subprocess.run(
        ["git", "ls-files", ".env", "var"], cwd=ROOT, capture_output=True, check=False
    ).stdout
    assert not listed


def test_rows_are_listed_once_and_their_pages_are_current():
    """A marker that names a row which is not listed, or a row listed twice, is told here; `make rows` writes the pages."""
    assert rows.stale() == []
