"""The plot is an SVG that any reader takes, and its bars are as long as the figures."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from benchmarks import plot
from benchmarks.figures import CONNECTION, REQUEST, Section
from benchmarks.plot import Row

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [Row("pumpproxy", ours=True, value=50, least=40, most=100), Row("a <peer> & co", False, 25, 25, 25)]


def drawn(text: str) -> ET.Element:
    """The drawing, read again."""
    return ET.fromstring(text)  # noqa: S314 - our own


def bars(root: ET.Element) -> list[ET.Element]:
    """The bars from top to bottom."""
    return [one for one in root.iter(f"{SVG}rect") if "bar" in one.get("class", "")]


def test_bars_begin_at_zero() -> None:
    """Twice the figure is twice the length, and the longest span fills the panel."""
    root = drawn(plot.drawing([(CONNECTION, ROWS)], "a note"))
    first, second = (float(bar.get("width", "")) for bar in bars(root))
    assert first == 2 * second
    assert first == round((plot.PANEL - plot.LABEL - plot.VALUE) / 2, 1)


def test_words_are_escaped() -> None:
    """A label with a bracket is still that label."""
    words = [one.text for one in drawn(plot.drawing([(CONNECTION, ROWS)], "n & m")).iter(f"{SVG}text")]
    assert words == ["CPU a connection, µs", "pumpproxy", "50.0", "a <peer> & co", "25.0", "n & m"]


def test_ours_stands_out() -> None:
    """By its colour and by its weight, for who sees no colours."""
    root = drawn(plot.drawing([(CONNECTION, ROWS)], ""))
    assert [bar.get("class") for bar in bars(root)] == ["bar first", "bar"]
    assert [one.text for one in root.iter(f"{SVG}text") if one.get("class") == "ours"] == ["pumpproxy", "50.0"]


def test_it_is_made_for_light_and_dark() -> None:
    """Every colour has its counterpart on a dark page."""
    light, _, dark = plot.STYLE.partition("@media (prefers-color-scheme: dark)")
    for kind in ("text ", ".note ", ".page ", ".bar ", ".bar.first ", ".span "):
        assert kind in light
        assert kind in dark


def test_everything_is_inside() -> None:
    """Panels are two abreast, and nothing stands outside the drawing; a panel without bars takes no place."""
    panels = [(CONNECTION, ROWS), (REQUEST, []), (REQUEST, ROWS[:1]), (CONNECTION, ROWS)]
    root = drawn(plot.drawing(panels, "a note"))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    titles = [one for one in root.iter(f"{SVG}text") if one.get("class") == "title"]
    assert len(titles) == 3
    assert len({one.get("x") for one in titles}) == 2
    for one in root.iter():
        if "y" in one.attrib:
            assert 0 <= float(one.get("x", "")) + float(one.get("width", "0")) <= width
            assert 0 <= float(one.get("y", "")) <= height


def test_rows_are_the_figures_that_are_there() -> None:
    """In the order of the measurement, under the titles; who has no such figure has no bar."""
    section = Section({}, {})
    section.add("pumpproxy", CONNECTION, 1.0)
    section.add("pumpproxy", CONNECTION, 3.0)
    section.add("sniproxy", REQUEST, 1.0)
    section.add("nginx", CONNECTION, 5.0)
    rows = plot.rows_of(section, CONNECTION, {"nginx": "NGINX"})
    assert rows == [Row("pumpproxy", True, 2.0, 1.0, 3.0), Row("NGINX", False, 5.0, 5.0, 5.0)]
