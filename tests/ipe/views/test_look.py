"""What look.md promises and files can show: contrast, no inline script or style, documented parts."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CSS = (ROOT / "static/ipe/desk.css").read_text()
TOKENS = {
    name: (day, night)
    for name, day, night in re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
}
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MINE = [
    path
    for path in TEMPLATES
    if path.relative_to(ROOT / "templates").parts[0]
    in {"components", "ipe", "account", "mfa", "usersessions"}
]

# Text on ground, as the style sheet pairs them. 4.5 : 1 for text.
GROUNDS = ("paper", "surface", "sunken", "raised")
TEXT = [
    *[
        (ink, ground)
        for ink in ("ink", "muted", "accent", "accent-strong", "bad", "warn", "good")
        for ground in GROUNDS
    ],
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-danger", "danger"),
    ("accent-strong", "accent-soft"),
    ("ink", "selected"),
    ("muted", "selected"),
    ("accent", "selected"),
    ("good", "good-soft"),
    ("bad", "bad-soft"),
    ("warn", "warn-soft"),
    ("veil", "veil-soft"),
    ("veil", "surface"),
    ("info", "info-soft"),
    ("ink", "info-soft"),
    ("ink", "good-soft"),
    ("ink", "warn-soft"),
    ("ink", "bad-soft"),
]
# Edges of controls, the focus ring and dots: 3 : 1.
GRAPHICS = [(edge, ground) for edge in ("line-strong", "focus", "accent") for ground in GROUNDS]


def luminance(colour: str) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_black_on_white_is_21():
    assert round(contrast("#000000", "#ffffff"), 6) == 21


@pytest.mark.row("TH-06")
@pytest.mark.parametrize(("scheme", "at"), [("light", 0), ("dark", 1)])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (GRAPHICS, 3.0)], ids=["text", "graphics"])
def test_colours_stand_out_from_their_ground(scheme, at, pairs, least):
    weak = {
        f"{ink} on {ground}": round(contrast(TOKENS[ink][at], TOKENS[ground][at]), 2)
        for ink, ground in pairs
        if contrast(TOKENS[ink][at], TOKENS[ground][at]) < least
    }
    assert weak == {}


def test_no_template_holds_inline_script_style_or_handler():
    found = []
    for path in TEMPLATES:
        text = path.read_text()
        for pattern in (
            r"<script(?![^>]*\bsrc=)[^>]*>",
            r"<style\b",
            r"\sstyle=",
            r"\son[a-z]+=\"",
            r"hx-on",
            r"javascript:",
        ):
            allowed = pattern.startswith("<script") and 'type="application/json"' in text
            if re.search(pattern, text) and not allowed:
                found.append((path.name, pattern))
    assert found == []


@pytest.mark.row("V1.1.2")
def test_no_template_escapes_by_hand():
    found = [path.name for path in TEMPLATES if re.search(r"\|safe\b|autoescape off", path.read_text())]
    assert found == []


@pytest.mark.row("V3.6.1", "V14.2.3")
def test_nothing_is_loaded_from_elsewhere():
    files = [*TEMPLATES, *(ROOT / "static").rglob("*.css"), *(ROOT / "static").rglob("*.js")]
    found = [
        (path.name, address)
        for path in files
        for address in re.findall(
            r"""(?:src|href|url|from|import)\s*[=(]?\s*["'](https?://[^"']+)""", path.read_text()
        )
    ]
    assert found == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "templates/components").glob("*.html")), ids=lambda path: path.stem
)
def test_component_begins_with_its_variables(path):
    first = path.read_text().splitlines()[0]
    assert re.match(r"\{# (Variables: |No variables\.).+ #\}$", first), first


@pytest.mark.row("TH-06")
def test_every_verdict_has_word_shape_and_style():
    from ipe.templatetags.desk import SHAPES, WORDS
    from ipe.words import Verdict

    assert set(SHAPES) == set(WORDS) == {str(verdict) for verdict in Verdict}
    assert len(set(SHAPES.values())) == len(SHAPES)
    assert [verdict for verdict in Verdict if f".verdict.{verdict}" not in CSS] == []


def test_classes_of_our_templates_are_styled_or_used_by_scripts():
    script = (ROOT / "static/ipe/desk.js").read_text()
    # Django template parts may stand inside a class attribute; only whole words are checked.
    words = {
        word
        for path in MINE
        for value in re.findall(r'class="([^"]*)"', path.read_text())
        for word in re.sub(r"\{[{%].*?[}%]\}", " ", value).split()
        if re.fullmatch(r"[a-z][a-z-]+[a-z]", word)
    }
    unknown = sorted(word for word in words if f".{word}" not in CSS and word not in script)
    assert unknown == []


def test_every_room_has_a_key_and_an_icon_of_its_own():
    from ipe import rooms
    from ipe.templatetags.desk import room_icon, room_key

    pages = [page for room in rooms.all_rooms() for page in room.pages]
    keys = [room_key({"label": page.label, "key": page.key}) for page in pages]
    assert "" not in keys
    assert sorted(keys) == sorted(set(keys))
    icons = [room_icon({"label": page.label, "icon": page.icon}) for page in pages]
    assert sorted(icons) == sorted(set(icons))
