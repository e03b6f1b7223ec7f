"""One job makes one report, however often it is delivered, and a failed one leaves no file."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError

from apps.jobs.errors import ArgumentError
from apps.jobs.states import State
from apps.report import catalog
from apps.report.formats import FORMATS
from apps.report.generating import Wish, generate, publish
from apps.report.models import Report
from apps.report.tasks import generate_report_task
from apps.report.tests.sample_reports import Broken

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("samples")]
Files = Callable[[], list[str]]


def content(report: Report) -> bytes:
    with report.file.open("rb") as file:
        return bytes(file.read())


def test_a_finished_report_has_a_file_and_its_figures(files: Files) -> None:
    report = generate("job-1", Wish("customers", "csv"))
    assert (report.state, report.rows, report.error) == (State.SUCCESS, 2, "")
    assert report.size == len(content(report))
    assert report.finished is not None
    folder = f"reports/{report.created:%Y/%m}"
    assert files() == [report.file.name] == [f"{folder}/customers-{report.pk}-job-1.csv"]


def test_its_parameters_are_kept_with_their_defaults() -> None:
    report = generate("job-1", Wish("everything", "csv", {"since": "2026-01-01", "until": "2026-01-31"}))
    assert report.parameters["since"] == "2026-01-01"
    defaults = {"region": None, "top": 10, "order": "name", "drafts": False}
    assert defaults.items() <= report.parameters.items()


def test_a_second_delivery_returns_the_same_report(files: Files) -> None:
    first = generate("job-1", Wish("customers", "csv"))
    again = generate("job-1", Wish("customers", "csv"))
    assert (again.pk, again.finished) == (first.pk, first.finished)
    assert Report.objects.count() == len(files()) == 1


def test_a_second_delivery_whose_file_is_gone_makes_it_again(files: Files) -> None:
    first = generate("job-1", Wish("customers", "csv"))
    default_storage.delete(str(first.file.name))
    again = generate("job-1", Wish("customers", "csv"))
    assert again.pk == first.pk
    assert files() == [first.file.name]


def test_what_a_killed_try_left_is_replaced(files: Files) -> None:
    report = Report.objects.create(job_id="job-1", name="customers", format="csv", state=State.STARTED)
    default_storage.save(report.storage_name(".csv"), ContentFile(b"half a fi"))
    done = generate("job-1", Wish("customers", "csv"))
    assert files() == [done.file.name]
    assert b"Ada" in content(done)


def test_two_deliveries_at_once_leave_the_first_result(files: Files, tmp_path: Any) -> None:
    first = generate("job-1", Wish("customers", "csv"))
    late = tmp_path / "report.csv"
    late.write_text("late")
    kept = publish(Report.objects.get(), late, rows=99)
    assert (kept.rows, kept.finished) == (first.rows, first.finished)
    assert b"late" not in content(kept)
    assert len(files()) == 1


def test_a_failing_build_is_marked_and_leaves_no_file(files: Files) -> None:
    with pytest.raises(OSError, match="on fire"):
        generate("job-1", Wish("broken", "csv"))
    report = Report.objects.get()
    assert (report.state, report.error) == (State.FAILURE, "OSError: the disk is on fire")
    assert not report.file
    assert not report.is_ready
    assert files() == []


def test_the_next_try_of_a_failed_report_can_succeed(files: Files) -> None:
    with pytest.raises(OSError, match="on fire"):
        generate("job-1", Wish("broken", "csv"))
    Broken.works = True
    report = generate("job-1", Wish("broken", "csv"))
    assert (report.state, report.error) == (State.SUCCESS, "")
    assert Report.objects.count() == len(files()) == 1


def test_a_file_whose_row_can_not_be_saved_is_removed(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Report.save

    def save(report: Report, *args: Any, **kwargs: Any) -> None:
        if report.state == State.SUCCESS:
            raise IntegrityError("no")
        real(report, *args, **kwargs)

    monkeypatch.setattr(Report, "save", save)
    with pytest.raises(IntegrityError):
        generate("job-1", Wish("customers", "csv"))
    assert files() == []
    assert Report.objects.get().state == State.FAILURE


def test_a_strange_job_id_can_not_choose_the_folder(files: Files) -> None:
    report = generate("../../etc/passwd", Wish("customers", "csv"))
    assert files() == [f"reports/{report.created:%Y/%m}/customers-{report.pk}-etcpasswd.csv"]


@pytest.mark.parametrize(
    ("wish", "problems"),
    [
        (Wish("job_activty"), {"report": "no report is named 'job_activty'; did you mean 'job_activity'?"}),
        (Wish("customers", "cvs"), {"format": "no format is named 'cvs'; did you mean 'csv'?"}),
        (Wish("many", "csv", {"rows": "few"}), None),
        (Wish("many", "csv", {}), {"rows": "missing"}),
    ],
)
def test_a_wish_that_can_not_be_fulfilled_leaves_nothing(wish: Wish, problems: Any, files: Files) -> None:
    with pytest.raises(ArgumentError) as caught:
        generate("job-1", wish)
    assert problems is None or caught.value.problems == problems
    assert not Report.objects.exists()
    assert files() == []


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", list(catalog.reports()))
def test_every_installed_report_can_be_made_of_an_empty_database(name: str, format_name: str) -> None:
    assert generate("job-1", Wish(name, format_name)).is_ready


def test_wrong_report_and_wrong_format_are_named_together() -> None:
    with pytest.raises(ArgumentError) as caught:
        Wish("zzz", "pdf").checked()
    assert set(caught.value.problems) == {"report", "format"}


def test_the_task_tells_what_it_made() -> None:
    outcome = generate_report_task.apply(("customers", "csv"), task_id="job-1").get()
    report = Report.objects.get(job_id="job-1")
    assert outcome == {
        "status": "success", "report": report.pk, "format": "csv", "rows": 2, "bytes": report.size,
        "url": f"/reports/{report.pk}/",
    }  # fmt: skip


def test_the_task_refuses_wrong_names_before_it_starts() -> None:
    with pytest.raises(ArgumentError) as caught:
        generate_report_task.apply(kwargs={"report": "custmers", "format": "pdf"}).get()
    assert "did you mean 'customers'" in caught.value.problems["report"]
    assert "print it to PDF" in caught.value.problems["format"]
