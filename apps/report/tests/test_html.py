"""HTML: one file that stands for itself and runs nothing."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from django.utils import translation

from apps.jobs.reporting import Chart, Column, Figure, Section, Series
from apps.report.formats.html import ROWS_SHOWN, HtmlFormat
from apps.report.tests.documents import document, table_document
from apps.report.tests.sample_reports import COLUMNS, ROWS, Everything, NoSections, Nothing


def html(folder: Path, *sections: Section) -> str:
    return HtmlFormat().write(document(*sections), folder).read_text()


@pytest.fixture
def everything(tmp_path: Path) -> str:
    return html(tmp_path, *Everything().build(since=None, until=None))  # type: ignore[arg-type]


def test_values_are_shown_as_words(tmp_path: Path) -> None:
    text = HtmlFormat().write(table_document(COLUMNS, *ROWS), tmp_path).read_text()
    for expected in ("1,200", "12.5 %", "1 min 30 s", "2026-11-03 09:30", "布劳恩"):
        assert expected in text


def test_it_asks_for_nothing_from_outside(everything: str) -> None:
    assert not re.search(r"<(script|link|img|iframe|form)\b|\bon\w+=|@import|url\(|javascript:", everything)
    assert set(re.findall(r"https?://[^\"'\s]+", everything)) <= {"http://www.w3.org/2000/svg"}
    assert 'style="' not in everything


def test_its_policy_lets_only_its_own_style_in(everything: str) -> None:
    style = everything.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in everything


def test_text_from_data_is_only_text(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    chart = Chart("bars", (bad,), (Series(bad, (1,)), Series(f'"{bad}', (2,))))
    text = html(tmp_path, Section(bad, bad, (Figure(bad, bad, "text", bad),), chart))
    table = HtmlFormat().write(table_document((Column(bad),), (bad,)), tmp_path).read_text()
    assert "<script" not in text + table
    assert "&lt;script&gt;" in text


def test_charts_have_names_titles_and_their_numbers(everything: str) -> None:
    assert everything.count('role="img"') == everything.count("<details>") == 3
    assert "<title>2026-11-01 · Orders: 3</title>" in everything
    assert "<polyline" in everything
    assert everything.count("<rect") == 5 + 29 + 25


def test_one_series_needs_no_legend(tmp_path: Path) -> None:
    chart = Chart("bars", ("a",), (Series("Only", (1,)),))
    assert 'class="legend"' not in html(tmp_path, Section("One", chart=chart))


def test_numbers_in_drawings_ignore_the_language(tmp_path: Path) -> None:
    with translation.override("de"):
        text = html(
            tmp_path, Section("One", chart=Chart("bars", ("a", "b", "c"), (Series("Only", (1, 2, 3)),)))
        )
    assert 'x="12.167%"' in text
    assert '<html lang="de">' in text


def test_a_report_about_nothing_is_still_a_page(tmp_path: Path) -> None:
    text = html(tmp_path, *Nothing().build())
    assert text.count("Nothing to draw.") == 3
    assert text.count("No rows.") == 1
    assert "<svg" not in text


def test_a_report_without_sections_says_so(tmp_path: Path) -> None:
    assert "This report has no contents." in html(tmp_path, *NoSections().build())


@pytest.mark.parametrize(("count", "cut"), [(ROWS_SHOWN, False), (ROWS_SHOWN + 1, True)])
def test_long_tables_are_cut_and_say_so(count: int, cut: bool, tmp_path: Path) -> None:
    rows = ((f"row {number}",) for number in range(count))
    text = HtmlFormat().write(table_document((Column("A"),), *rows), tmp_path).read_text()
    assert text.count("<td") == ROWS_SHOWN
    assert ("These are the first 1,000 rows" in text) is cut


def test_headings_and_sections_belong_together(everything: str) -> None:
    assert everything.count("<h1>") == 1
    labels = re.findall(r'aria-labelledby="([\w-]+)"', everything)
    assert labels == re.findall(r'<h2 id="([\w-]+)"', everything)
    assert len(labels) == 5
