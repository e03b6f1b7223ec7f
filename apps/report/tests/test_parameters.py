"""The arguments of `build` are checked before it runs."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.jobs.errors import ArgumentError
from apps.jobs.reporting import Section
from apps.report.parameters import as_json, checked, choices_of, parameters, period
from apps.report.tests.sample_reports import Customers, Everything, Many


def problems(given: dict[str, Any], report: Any = None) -> dict[str, str]:
    with pytest.raises(ArgumentError) as caught:
        checked(report or Everything(), given)
    return caught.value.problems


def test_the_period_is_the_last_thirty_days() -> None:
    assert period(date(2026, 11, 30)) == {"since": date(2026, 11, 1), "until": date(2026, 11, 30)}


def test_a_report_without_arguments_gets_all_defaults() -> None:
    values = checked(Everything(), {})
    assert values["until"] == timezone.localdate()
    assert values["since"] == timezone.localdate() - timedelta(days=29)
    assert (values["region"], values["top"], values["order"], values["drafts"]) == (None, 10, "name", False)


def test_a_default_of_its_own_wins_over_the_period() -> None:
    class Fixed(Customers):
        def build(self, since: date = date(2020, 1, 1)) -> Iterator[Section]:
            return iter(())

    assert checked(Fixed(), {}) == {"since": date(2020, 1, 1)}


def test_text_from_a_command_line_becomes_typed() -> None:
    values = checked(
        Everything(), {"since": "2026-01-01", "until": "2026-01-31", "top": "5", "drafts": "true"}
    )
    assert (values["since"], values["top"], values["drafts"]) == (date(2026, 1, 1), 5, True)


def test_checked_values_go_to_json_and_back() -> None:
    values = checked(Everything(), {"since": "2026-01-01", "until": "2026-01-31", "region": "north"})
    plain = as_json(Everything(), values)
    assert plain["since"] == "2026-01-01"
    assert checked(Everything(), plain) == values


def test_each_bad_argument_is_named_with_what_was_expected() -> None:
    found = problems({"since": "tomorrow", "top": 0, "order": "size", "drafts": "perhaps"})
    assert "valid date" in found["since"]
    assert "greater than or equal to 1" in found["top"]
    assert "'name' or 'orders'" in found["order"]
    assert "boolean" in found["drafts"]


def test_a_misspelled_parameter_gets_the_nearest_one() -> None:
    assert problems({"regoin": "north"}) == {
        "regoin": "the report has no such parameter; did you mean region?"
    }


def test_a_report_without_parameters_says_so() -> None:
    assert problems({"x": 1}, Customers()) == {"x": "the report has no such parameter; it has none"}


def test_a_choice_outside_the_list_gets_the_nearest_one() -> None:
    assert problems({"region": "nort"})["region"] == "no region is named 'nort'; did you mean 'north'?"


def test_a_missing_argument_is_named() -> None:
    assert problems({}, Many()) == {"rows": "missing"}


def test_since_after_until_is_refused() -> None:
    found = problems({"since": "2026-02-01", "until": "2026-01-31"})
    assert found == {"since": "expected a day not after until (2026-01-31), got 2026-02-01"}


def test_one_day_is_a_period() -> None:
    assert checked(Everything(), {"since": "2026-02-01", "until": "2026-02-01"})["top"] == 10


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1969-12-31"])
def test_the_ends_of_the_calendar_are_refused(day: str) -> None:
    assert "expected a year from 1970 to 2199" in problems({"since": day, "until": day})["since"]


def test_choices_are_found_inside_optional_and_annotated() -> None:
    known = parameters(Everything())
    assert choices_of(known["region"].annotation) == ["north", "south"]
    assert choices_of(known["order"].annotation) == ["name", "orders"]
    assert choices_of(known["top"].annotation) is None
