"""`manage.py generate_report`."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.jobs import reading
from apps.report.generating import Wish, generate
from apps.report.management.commands import generate_report

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("samples")]


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("generate_report", *args, stdout=out)
    return out.getvalue()


def refused(*args: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run(*args)
    assert not reading.latest()
    return caught.value


def test_list_shows_reports_with_their_parameters() -> None:
    text = run("--list")
    assert "job_activity" in text
    assert "Many rows: As many rows as one asks for." in text
    assert "rows=required" in text
    assert "order=name" in text


def test_it_hands_in_a_job_with_checked_parameters() -> None:
    run("everything", "--format", "xlsx", "--parameter", "since=2026-01-01", "--parameter", "region=north")
    (job,) = reading.latest()
    wanted = {"since": "2026-01-01", "region": "north"}
    assert job.kwargs == {"report": "everything", "format": "xlsx", "parameters": wanted}


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ([], "name: missing; --list shows the reports"),
        (["custmers"], "did you mean 'customers'"),
        (["customers", "--format", "pdf"], "print it to PDF"),
        (["customers", "--parameter", "since"], "--parameter: expected KEY=VALUE, got 'since'"),
        (["customers", "--parameter", "=x"], "expected KEY=VALUE"),
        (["everything", "--parameter", "sinse=2026-01-01"], "did you mean since?"),
        (["many", "--parameter", "rows=few"], "rows: Input should be a valid integer"),
        (["customers", "--output", "x.html"], "--output: needs --wait"),
        (["customers", "--wait", "--output", "/no/such/folder/x"], "--output: expected a file in a folder"),
    ],
)
def test_bad_arguments_are_named_before_anything_happens(args: list[str], complaint: str) -> None:
    error = refused(*args)
    assert complaint in str(error)
    assert error.returncode == 2


def test_a_value_may_hold_an_equals_sign() -> None:
    assert generate_report.pairs(["a=b=c", "d="]) == {"a": "b=c", "d": ""}


def test_the_file_is_copied(tmp_path: Path) -> None:
    report = generate("job-1", Wish("customers", "csv"))
    generate_report.copy(report, str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").stat().st_size == report.size


def test_the_file_goes_to_standard_output_byte_for_byte(capfdbinary: Any) -> None:
    report = generate("job-1", Wish("customers", "xlsx"))
    generate_report.copy(report, "-")
    assert len(capfdbinary.readouterr().out) == report.size


def test_a_file_that_is_gone_is_said() -> None:
    report = generate("job-1", Wish("customers", "csv"))
    report.file.storage.delete(str(report.file.name))
    with pytest.raises(CommandError, match="is gone"):
        generate_report.copy(report, "-")
