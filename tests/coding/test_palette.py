from pathlib import Path

from coding import palette

CSS = Path(__file__).parents[2] / "static/coding/codes.css"


def test_palette_has_twelve_hues_in_two_tones():
    assert len({swatch.name for swatch in palette.SWATCHES}) == 24


def test_text_on_every_fill_is_readable():
    for swatch in palette.SWATCHES:
        assert palette.contrast(palette.TEXT_LIGHT, swatch.fill) >= 4.5, swatch
        assert palette.contrast(palette.TEXT_DARK, swatch.dark_fill) >= 4.5, swatch


def test_every_line_stands_out_from_page_and_fill():
    for swatch in palette.SWATCHES:
        assert palette.contrast(swatch.line, palette.PAGE_LIGHT) >= 3, swatch
        assert palette.contrast(swatch.line, swatch.fill) >= 3, swatch
        assert palette.contrast(swatch.dark_line, palette.PAGE_DARK) >= 3, swatch
        assert palette.contrast(swatch.dark_line, swatch.dark_fill) >= 3, swatch


def test_contrast_of_black_and_white_is_21():
    assert palette.contrast("#000000", "#ffffff") == 21


def test_stylesheet_in_the_repository_is_the_one_the_palette_makes():
    assert CSS.read_text() == palette.stylesheet()


def test_next_colour_uses_every_colour_once_before_any_twice():
    used = []
    for _ in range(24):
        used.append(palette.next_colour(used))
    assert sorted(used) == list(range(24))
