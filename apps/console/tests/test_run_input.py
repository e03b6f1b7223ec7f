"""What is typed in becomes arguments, or an error at its field."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AfterValidator, Field

from apps.console.running import OrderForm
from apps.console.tests.cast import Colour, Level, Size, form_of, query, task_of
from apps.jobs.arguments import as_json, as_python
from apps.taskforms.forms import KEY, ArgumentsForm


def no_spam(value: str) -> str:
    if "spam" in value:
        raise ValueError("expected no spam")
    return value


def taking(hint: Any, *default: Any) -> Callable[..., None]:
    """A function with one argument `x` of that type."""

    def run(x, y=1):  # type: ignore[no-untyped-def]
        ...

    run.__annotations__ = {} if hint is None else {"x": hint}
    run.__defaults__ = (*default, 1)
    return run


def given(hint: Any, typed: Any, *default: Any) -> dict[str, Any]:
    form = form_of(taking(hint, *default), {"x": typed, "y": "1"})
    assert form.is_valid(), form.errors
    return dict(form.call.kwargs)


@pytest.mark.parametrize(
    ("hint", "typed", "value"),
    [
        (str, " as it is ", " as it is "),
        (str, "two\r\nlines", "two\nlines"),
        (int, "42", 42),
        (int, "-7", -7),
        (float, "2.5", 2.5),
        (Decimal, "1.10", Decimal("1.10")),
        (bool, "on", True),
        (date, "2026-02-28", date(2026, 2, 28)),
        (datetime, "2026-02-28T10:30", datetime(2026, 2, 28, 10, 30, tzinfo=UTC)),
        (time, "10:30:05", time(10, 30, 5)),
        (UUID, "7d444840-9dc0-11d1-b245-5ffdce74fad2", "7d444840-9dc0-11d1-b245-5ffdce74fad2"),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, 2], "2", 2),
        (Colour, "b", "b"),
        (Level | None, "2", 2),
        (Level | None, "", None),
        (bool | None, "False", False),
        (bool | None, "", None),
        (int | None, "", None),
        (str | None, "", None),
        (list[str], "a\r\n\r\n  b  \n", ["a", "b"]),
        (list[int], "1\n2", ["1", "2"]),
        (list[date], "2026-01-02\n2026-01-03", ["2026-01-02", "2026-01-03"]),
        (list[Colour], ["r", "b"], ["r", "b"]),
        (list[Literal[1, 2]], ["2"], [2]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Size, '{"width": 3}', {"width": 3}),
        (tuple[int, str], '[1, "a"]', [1, "a"]),
        (None, "plain words", "plain words"),
        (None, "5", 5),
        (None, "true", True),
        (None, '"5"', "5"),
        (None, "[1, 2]", [1, 2]),
        (None, "NaN", "NaN"),
        (int | str, "abc", "abc"),
    ],
)
def test_what_is_typed_in_becomes_the_argument(hint: Any, typed: Any, value: Any) -> None:
    assert given(hint, typed) == {"x": value}


@pytest.mark.parametrize(
    ("hint", "typed", "problem"),
    [
        (str, "", "This field is required."),
        (str, "a\x00b", "Null characters are not allowed."),
        (int, "", "This field is required."),
        (int, "five", "Enter a whole number."),
        (int, "9" * 5000, "Enter a whole number."),
        (Annotated[int, Field(ge=1)], "0", "greater than or equal to 1"),
        (Annotated[int, Field(multiple_of=5)], "7", "multiple of 5"),
        (float, "1e400", "Enter a number."),
        (float, "nan", "Enter a number."),
        (Annotated[float, Field(gt=0)], "0", "greater than 0"),
        (date, "28.02.2026", "Enter a valid date."),
        (date, "2026-02-30", "Enter a valid date."),
        (datetime, "now", "Enter a valid date/time."),
        (time, "25:00", "Enter a valid time."),
        (UUID, "abc", "valid UUID"),
        (Literal["a", "b"], "c", "Select a valid choice"),
        (Colour, "", "This field is required."),
        (list[Colour], ["r", "z"], "Select a valid choice"),
        (list[int], "1\ntwo", "1: Input should be a valid integer"),
        (list[str], " \n ", "This field is required."),
        (Annotated[list[str], Field(max_length=1)], "a\nb", "at most 1 item"),
        (Annotated[str, Field(max_length=3)], "abcd", "at most 3 characters"),
        (Annotated[str, Field(pattern="^a")], "b", "should match pattern"),
        (Annotated[str, AfterValidator(no_spam)], "spam", "expected no spam"),
        (dict[str, int], "{", "Not valid JSON at line 1, column 2"),
        (dict[str, int], "[1]", "Expected a JSON object"),
        (dict[str, int], '{"a": "b"}', "a: Input should be a valid integer"),
        (dict[str, Any], '{"a": NaN}', "NaN is no JSON number"),
        (dict[str, Any], '{"a": ' + "9" * 5000 + "}", "Not valid JSON"),
        (list[Any], "[" * 100_000, "Not valid JSON"),
        (list[Any], "{}", "Expected a JSON list"),
        (Size, '{"height": 3}', "width: Field required"),
        (None, "", "This field is required."),
        (None, "[1, 2", "Not valid JSON"),
    ],
)
def test_bad_input_is_an_error_at_its_field(hint: Any, typed: Any, problem: str) -> None:
    form = form_of(taking(hint), {"x": typed, "y": "1"})
    assert not form.is_valid()
    assert list(form.errors) == [f"{KEY}x"]
    assert problem in str(form.errors[f"{KEY}x"])


@pytest.mark.parametrize(
    ("hint", "default", "typed", "kwargs"),
    [
        (int, 5, "5", {}),
        (int, 5, "", {}),
        (int, 5, "6", {"x": 6}),
        (int | None, 5, "", {"x": None}),
        (int | None, None, "", {}),
        (str, "abc", "abc", {}),
        (str, "abc", "", {"x": ""}),
        (str | None, "abc", "", {"x": None}),
        (str | None, None, "", {}),
        (bool, True, "on", {}),
        (bool, True, [], {"x": False}),
        (bool, False, [], {}),
        (Colour, Colour.RED, "r", {}),
        (Colour, Colour.RED, "b", {"x": "b"}),
        (date, date(2026, 1, 2), "2026-01-02", {}),
        (datetime, datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00", {}),
        (list[str], ["a", "b"], "a\r\nb", {}),
        (list[str], ["a"], "", {"x": []}),
        (list[str] | None, None, "", {}),
        (list[Colour], [Colour.RED], ["r"], {}),
        (list[Colour], [Colour.RED], [], {"x": []}),
        (dict[str, int], {"a": 1}, '{"a":1}', {}),
        (dict[str, int], {}, '{"a": 1}', {"x": {"a": 1}}),
        (Size, Size(width=1), '{"width": 1, "height": 1}', {}),
        (None, "abc", "abc", {}),
        (None, [], "[]", {}),
        (None, object(), "", {}),
        (None, object(), "1", {"x": 1}),
    ],
)
def test_what_is_left_as_the_default_is_not_given(
    hint: Any, default: Any, typed: Any, kwargs: dict[str, Any]
) -> None:
    assert given(hint, typed, default) == kwargs


def test_every_problem_shows_at_once() -> None:
    def run(number: int, text: Annotated[str, AfterValidator(no_spam)], other: str) -> None: ...

    form = form_of(run, {"number": "five", "text": "spam", "other": ""})
    assert set(form.errors) == {f"{KEY}number", f"{KEY}text", f"{KEY}other"}


def test_hints_that_cant_be_resolved_leave_the_arguments_free() -> None:
    def run(path: "Missing", times: int = 1) -> None: ...  # type: ignore[name-defined] # noqa: F821

    form = form_of(run, {"path": "/tmp", "times": "2"})
    assert form.is_valid()
    assert form.call.kwargs == {"path": "/tmp", "times": 2}


def test_a_task_without_arguments_has_an_empty_form() -> None:
    def run() -> None: ...

    form = form_of(run, {})
    assert form.is_valid()
    assert not form.fields


def test_a_bound_task_does_not_ask_for_itself() -> None:
    def run(self: object, wall: str) -> None: ...

    assert list(ArgumentsForm(task_of(run, bind=True)).arguments) == ["wall"]


def test_what_the_form_gives_the_worker_takes() -> None:
    def run(day: date, size: Size, colour: Colour, prices: list[Decimal]) -> None: ...

    typed = {"day": "2026-01-02", "size": '{"width": 2}', "colour": "b", "prices": "1.10\n2"}
    form = form_of(run, typed)
    assert form.is_valid(), form.errors
    sent = as_json(form.task, form.call.args, form.call.kwargs)
    args, kwargs = as_python(form.task, *sent)
    assert [*args, *kwargs.values()] == [
        date(2026, 1, 2), Size(width=2), Colour.DEEP_BLUE, [Decimal("1.10"), Decimal(2)],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "field", "problem"),
    [
        ({"priority": "10"}, "priority", "Select a valid choice"),
        ({"delay": "-1"}, "delay", "greater than or equal to 0"),
        ({"delay": "31", "unit": "days"}, "delay", "expected a timedelta of 0 s to 30 days"),
        ({"delay": "999999999", "unit": "days"}, "delay", "expected a timedelta of 0 s to 30 days"),
        ({"unit": "weeks"}, "unit", "Select a valid choice"),
        ({"expires": "-1"}, "expires", "greater than or equal to 0"),
        ({"expires": "60", "expires_unit": "days"}, "expires", "from now to 30 days ahead"),
        ({"tags": "x" * 101}, "tags", "1 to 100 characters"),
        ({"tags": ",".join("abcdefghijklmnopqrstu")}, "tags", "at most 20 texts"),
        ({"tags": "a\x00"}, "tags", "Null characters are not allowed."),
        ({"key": "x" * 256}, "key", "at most 255 characters"),
        ({"queue": "nowhere"}, "queue", "Select a valid choice"),
    ],
)
def test_a_bad_order_is_an_error_at_its_field(typed: dict[str, str], field: str, problem: str) -> None:
    form = OrderForm(query({f"order-{name}": value for name, value in typed.items()}))
    assert not form.is_valid()
    assert list(form.errors) == [field]
    assert problem in str(form.errors[field])


def test_an_order_is_taken_over() -> None:
    typed = {"order-priority": "0", "order-delay": "2", "order-unit": "hours", "order-queue": "email"}
    form = OrderForm(query(typed))
    assert form.is_valid(), form.errors
    found = form.options
    assert (found["priority"], found["delay"], found["queue"]) == (0, timedelta(hours=2), "email")


def test_a_deadline_tags_and_a_key_are_taken_over() -> None:
    typed = {
        "order-expires": "3",
        "order-expires_unit": "days",
        "order-tags": " bulk, ,vip ",
        "order-key": "k",
    }
    form = OrderForm(query(typed))
    assert form.is_valid(), form.errors
    found = form.options
    assert (found["expires"], found["tags"], found["key"]) == (timedelta(days=3), ["bulk", "vip"], "k")


def test_an_order_left_alone_is_the_usual_one() -> None:
    form = OrderForm(query({}))
    assert form.is_valid(), form.errors
    assert form.options == {
        "priority": 5, "delay": None, "expires": None, "queue": None, "tags": [], "key": "",
    }  # fmt: skip
