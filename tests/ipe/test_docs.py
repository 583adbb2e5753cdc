"""What the documents say of the project is true."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page):
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))
    assert named <= set(get_commands())


def test_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"`(?:[A-Z=a-z,]+ )?make ([a-z]+)", page.read_text()))
        assert named <= targets, page.name


def test_architecture_names_every_room_in_order():
    table = re.findall(r"^\| `([a-z]+)` \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    assert table == [*reversed(settings.ROOMS), "ipe", "impact", "exports"]


def test_modules_that_architecture_names_exist():
    text = (ROOT / "docs/architecture.md").read_text()
    for name in re.findall(r"`((?:ipe|transcripts|releases|consent|impact|exports)(?:/|\.)[a-z_./]+)`", text):
        base = name.split("(")[0].rstrip("/")
        parts = base.removesuffix(".py").replace("/", ".").split(".")
        path = ROOT.joinpath(*parts)
        parent = ROOT.joinpath(*parts[:-1])
        assert path.exists() or path.with_suffix(".py").exists() or parent.with_suffix(".py").exists(), name
