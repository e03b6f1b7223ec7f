"""Reports are found in any app, and one that breaks the contract stops the start."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.ledger.reports import JobActivity
from apps.report import catalog
from apps.report.contract import ReportDefinition
from apps.report.tests.sample_reports import Customers


def listing(*report_classes: Any) -> Any:
    return lambda: iter([("shop.reports", report_class) for report_class in report_classes])


def found(monkeypatch: pytest.MonkeyPatch, *report_classes: Any) -> Any:
    monkeypatch.setattr(catalog, "listed", listing(*report_classes))
    return catalog.reports.__wrapped__()


def test_the_engines_own_report_is_found() -> None:
    assert isinstance(catalog.find("job_activity"), JobActivity)


def test_a_report_class_fits_the_contract_without_inheriting_it() -> None:
    report: ReportDefinition = Customers()
    assert report.name == "customers"


def test_a_misspelled_name_gets_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="'job_activty'; did you mean 'job_activity'"):
        catalog.find("job_activty")


def test_a_strange_name_gets_the_list() -> None:
    with pytest.raises(ValueError, match="expected one of .*job_activity"):
        catalog.find("zzz")


def test_reports_of_several_apps_are_sorted_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    other = type("Accounts", (Customers,), {"name": "accounts"})
    assert list(found(monkeypatch, Customers, other)) == ["accounts", "customers"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "Bad Name"}, "needs a name of lower-case letters, digits and underscores, got 'Bad Name'"),
        ({"name": ""}, "needs a name"),
        ({"name": None}, "needs a name"),
        ({"title": ""}, "needs title"),
        ({"title": "", "description": ""}, "needs title and description"),
        ({"build": None}, "needs a method build"),
    ],
)
def test_what_breaks_the_contract_is_named(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], complaint: str
) -> None:
    broken = type("Broken", (Customers,), change)
    with pytest.raises(ImproperlyConfigured, match=f"shop.reports: Broken {complaint}"):
        found(monkeypatch, broken)


def test_two_reports_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match="'customers', which Customers has already"):
        found(monkeypatch, Customers, type("Again", (Customers,), {}))


def test_an_instance_in_the_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match="is not a class"):
        found(monkeypatch, Customers())


def test_an_app_without_reports_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = [SimpleNamespace(module=None, name="nothing")]
    monkeypatch.setattr("django.apps.apps.get_app_configs", lambda: configs)
    assert list(catalog.listed()) == []
