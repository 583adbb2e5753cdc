"""Template tags of the desk: what several pages draw in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import qrcode
from django import template
from django.forms import BoundField
from django.template.context import Context, RequestContext
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ipe.words import Comparator, Unit, Verdict

register = template.Library()

# Word and shape stand beside the colour everywhere, so that none of the three is needed alone.
SHAPES: dict[str, str] = {
    Verdict.MET: "✓",
    Verdict.NOT_MET: "✕",
    Verdict.CANNOT_SAY: "?",
    Verdict.SUPPRESSED: "▨",
    Verdict.NO_TARGET: "–",
}
WORDS: dict[str, str] = {
    Verdict.MET: "met",
    Verdict.NOT_MET: "not met",
    Verdict.CANNOT_SAY: "cannot say",
    Verdict.SUPPRESSED: "suppressed",
    Verdict.NO_TARGET: "no target",
}

# The letter after `g`. Fixed, so that it is the same for every role whatever rooms they see.
ROOM_KEYS: dict[str, str] = {
    "overview": "o",
    "fieldwork": "f",
    "consent": "c",
    "transcripts": "t",
    "coding": "d",
    "matrices": "m",
    "surveys": "s",
    "indicators": "i",
    "impact": "p",
    "findings": "n",
    "releases": "r",
    "settings": "e",
}
ROOM_ICONS: dict[str, str] = {
    "overview": "squares-2x2",
    "fieldwork": "calendar-days",
    "consent": "users",
    "transcripts": "document-text",
    "coding": "tag",
    "matrices": "table-cells",
    "surveys": "clipboard-document-list",
    "indicators": "flag",
    "impact": "beaker",
    "findings": "light-bulb",
    "releases": "paper-airplane",
    "settings": "cog-6-tooth",
}


# What a person chose for their own browser, kept in cookies that only the server reads.
APPEARANCE: dict[str, tuple[str, ...]] = {
    "theme": ("system", "light", "dark"),
    "reading": ("standard", "large", "loose"),
    "shortcuts": ("on", "off"),
}


def appearance_of(cookies: Mapping[str, str]) -> dict[str, str]:
    """What the cookies say; unknown values count as none."""
    return {
        name: cookies[f"desk_{name}"]
        for name, allowed in APPEARANCE.items()
        if cookies.get(f"desk_{name}") in allowed
    }


@register.simple_tag(takes_context=True)
def appearance(context: Context) -> dict[str, str]:
    """The person's theme, reading size and shortcuts."""
    request = context.get("request")
    return appearance_of(request.COOKIES) if request is not None else {}


@register.filter
def room_key(item: Mapping[str, Any]) -> str:
    """The letter that goes to a room after `g`; empty where it has none."""
    return str(item.get("key") or ROOM_KEYS.get(str(item["label"]).lower(), ""))


@register.filter
def room_icon(item: Mapping[str, Any]) -> str:
    """The heroicon of a room."""
    return str(item.get("icon") or ROOM_ICONS.get(str(item["label"]).lower(), "folder"))


@register.simple_tag
def qr_path(text: str) -> dict[str, Any]:
    """A QR code as the path of an SVG, drawn in the page so that no image source has to be allowed."""
    code = qrcode.QRCode(border=2, error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(text)
    modules = code.get_matrix()
    squares = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(modules) for x, dark in enumerate(row) if dark)
    return {"size": len(modules), "path": "".join(squares)}


@register.filter
def verdict_shape(verdict: object) -> str:
    """The sign that stands before a verdict's word."""
    return SHAPES.get(str(verdict), "")


@register.filter
def verdict_word(verdict: object) -> str:
    """The verdict as a word."""
    return WORDS.get(str(verdict), str(verdict))


@register.filter
def verdict(value: object) -> SafeString:
    """A verdict as a mark with shape and word: {{ row.verdict|verdict }}."""
    return format_html(
        '<span class="verdict {}"><span class="shape" aria-hidden="true">{}</span>{}</span>',
        str(value),
        SHAPES.get(str(value), ""),
        WORDS.get(str(value), str(value)),
    )


@register.filter
def day(value: date | datetime | None) -> str:
    """21 Nov 2026; a dash where there is none."""
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime):
        value = timezone.localtime(value).date() if timezone.is_aware(value) else value.date()
    return date_format(value, "j M Y")


@register.filter
def moment(value: datetime | None) -> str:
    """21 Nov 2026, 14:05; a dash where there is none."""
    if value is None or value == "":
        return "–"
    return date_format(timezone.localtime(value) if timezone.is_aware(value) else value, "j M Y, H:i")


@register.filter
def at(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """The value under a key, or nothing: {{ cells|at:site.pk }}."""
    return mapping.get(key) if mapping else None


@register.filter
def pairs(mapping: Mapping[Any, Any] | None) -> list[tuple[Any, Any]]:
    """Keys with values. A template's `mapping.items` would give the value of a key that is called "items"."""
    return list(mapping.items()) if mapping else []


@register.simple_tag
def cell_of(cells: Mapping[Any, Any] | None, site: Any, phase: Any) -> Any:
    """The cell of a site × phase grid; keys are (site.pk, phase.pk)."""
    return cells.get((site.pk, phase.pk)) if cells else None


@register.filter
def dots(n: int | None) -> range:
    """As many marks as a row of dots needs."""
    return range(max(n or 0, 0))


@register.filter
def target(threshold: Any) -> str:
    """A threshold in short: ≥ 70%, ≤ 3, yes. Takes a row or what the record of changes keeps of one."""

    def of(name: str) -> Any:
        return threshold.get(name) if isinstance(threshold, dict) else getattr(threshold, name)

    sign = {Comparator.AT_LEAST: "≥ ", Comparator.AT_MOST: "≤ "}.get(of("comparator"), "")
    if not sign:
        return str(of("comparator"))
    unit = "" if isinstance(threshold, dict) else threshold.indicator.unit
    number = f"{Decimal(str(of('value'))):f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{sign}{number}{'%' if unit == Unit.PERCENT else ''}"


@register.filter
def job_label(name: object) -> str:
    """A task's name in words: surveys.ingest becomes "Surveys: ingest"."""
    room, _, act = str(name).partition(".")
    return f"{room.capitalize()}: {act.replace('_', ' ')}" if act else room.capitalize()


@register.filter
def job_tone(state: object) -> str:
    """The chip's tone for the state of a job."""
    return {"running": "info", "done": "good", "failed": "bad", "cancelled": "warn"}.get(
        str(state), "neutral"
    )


@register.filter
def error_anchor(field: BoundField) -> str:
    """The id of the control that an error in the summary leads to."""
    if field.field.widget.use_fieldset:
        return f"{field.auto_id}_0"
    return field.id_for_label or str(field.auto_id)


@register.filter
def is_single_checkbox(field: BoundField) -> bool:
    """Whether the field is one tick box, whose label stands to its right."""
    return field.widget_type == "checkbox"


@register.inclusion_tag("components/sort_link.html", takes_context=True)
def sort_link(context: RequestContext, label: str, key: str, parameter: str = "sort") -> dict[str, Any]:
    """A column heading that sorts by `key`, and back on the second click; the order stands in the URL.

    The page reads `?sort=key` (ascending) or `?sort=-key`.
    """
    request = context["request"]
    now = request.GET.get(parameter, "")
    wanted = f"-{key}" if now == key else key
    query = request.GET.copy()
    query[parameter] = wanted
    query.pop("page", None)
    return {
        "label": label,
        "href": f"?{query.urlencode()}",
        "direction": "ascending" if now == key else "descending" if now == f"-{key}" else "",
    }
