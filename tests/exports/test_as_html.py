"""HTML: everything escaped, nothing fetched, tables that a screen reader can read."""

from __future__ import annotations

import datetime as dt

import pytest
from lxml import html

from exports import as_html
from exports.table import (
    Attribution,
    Column,
    Cover,
    Document,
    Figure,
    Heading,
    Hidden,
    Paragraph,
    Quote,
    Run,
    Share,
    Table,
)
from tests.exports.hostile import TEXTS

COVER = Cover("The trial", dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC), rule="counts below 10 are hidden")
TABLE = Table.of(
    "Answers",
    [Column("item", "Item"), Column("agree", "Agree", "percent")],
    [["Useful", Share(35, 50)], ["Rare", Hidden("c")]],
    cover=COVER,
    notes=["Unrounded figures are compared."],
)


def read(content: Table | Document) -> html.HtmlElement:
    return html.document_fromstring(as_html.write(content).decode())


def test_a_table_has_a_caption_headers_and_its_cover():
    page = read(TABLE)
    assert page.xpath("//caption/text()") == ["Answers"]
    assert page.xpath("//th[@scope='col']/text()") == ["Item", "Agree"]
    assert page.xpath("//td/text()") == ["Useful", "70.0%", "Rare", "[c]"]
    assert page.xpath("//dd/text()") == [
        "The trial",
        "Everything",
        "2026-11-21 10:00:00",
        "counts below 10 are hidden",
    ]
    assert "[c] hidden to protect people" in page.text_content()
    assert "Note: Unrounded figures are compared." in page.text_content()


def test_a_document_is_in_order_with_pictures_inside():
    page = read(
        Document(
            "Report",
            (
                Heading("First"),
                Paragraph((Run("It is "), Run("so", bold=True))),
                Quote((Run("We tried"),), Attribution("Practitioner, 12m")),
                Figure(b"\x89PNG", "A line that rises", "Figure 1"),
            ),
        )
    )
    assert [e.tag for e in page.xpath("//main/*")] == ["h1", "h2", "p", "blockquote", "figure"]
    assert page.xpath("//img/@alt") == ["A line that rises"]
    assert page.xpath("//img/@src")[0].startswith("data:image/png;base64,")
    assert page.xpath("//footer/text()") == ["[Practitioner, 12m]"]


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_text_stays_text(text):
    markup = f"<script>{text}</script>\"'&"
    made = as_html.write(
        Document(
            markup,
            (
                Heading(markup),
                Paragraph.of(markup),
                Figure(b"x", markup, markup),
                Table.of(markup, [Column("a", markup)], [[markup]], notes=[markup]),
            ),
        )
    ).decode()
    page = html.document_fromstring(made)
    assert page.xpath("//script") == []
    assert page.xpath("//@onerror | //@onclick | //link | //iframe") == []
    assert page.xpath("//@src") == ["data:image/png;base64,eA=="]
