"""The report on imported data."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.data.importing import run_import
from apps.data.reports import ImportedData, dataset_names
from apps.data.tests.making import PEOPLE, dataset, received
from apps.jobs.reporting import Section

pytestmark = pytest.mark.django_db


def build(days: int = 7, **parameters: Any) -> dict[str, Section]:
    today = timezone.localdate()
    sections = ImportedData().build(today - timedelta(days=days - 1), today, **parameters)
    return {str(section.heading): section for section in sections}


def table(section: Section) -> list[list[Any]]:
    assert section.table
    return [
        [str(value) if not isinstance(value, int) else value for value in row] for row in section.table.rows
    ]


@pytest.fixture
def imports() -> None:
    run_import(received(PEOPLE + "4\n5\n", key="id").pk)
    run_import(received("id,n\n1,2\n ,3\n", dataset="other", key="id").pk)


def test_datasets_are_listed_with_their_rows(imports: None) -> None:
    assert table(build()["Datasets"]) == [["people", "id", 3], ["other", "id", 1]]


def test_rows_are_counted_by_day(imports: None) -> None:
    chart = build()["Rows per day"].chart
    assert chart
    assert chart.labels[-1] == timezone.localdate().isoformat()
    assert [(series.name, series.values[-1]) for series in chart.series] == [
        ("New", 4), ("Updated", 0), ("Rejected", 3),
    ]  # fmt: skip
    assert {len(series.values) for series in chart.series} == {7}


def test_reasons_are_counted(imports: None) -> None:
    assert table(build()["Why rows were rejected"]) == [
        ["wrong number of cells", "people", 2],
        ["no key", "other", 1],
    ]


def test_one_dataset_can_be_chosen(imports: None) -> None:
    found = build(dataset="other")
    assert table(found["Datasets"]) == [["other", "id", 1]]
    assert table(found["Why rows were rejected"]) == [["no key", "other", 1]]
    assert dataset_names() == ["other", "people"]


def test_other_days_are_left_out(imports: None) -> None:
    sections = {str(s.heading): s for s in ImportedData().build(date(2020, 1, 1), date(2020, 1, 2))}
    assert table(sections["Why rows were rejected"]) == []


def test_a_report_about_nothing_is_still_one() -> None:
    dataset("empty")
    found = build()
    assert table(found["Datasets"]) == [["empty", "None", 0]]
    assert table(found["Why rows were rejected"]) == []
