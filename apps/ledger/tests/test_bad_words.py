"""What `manage.py job` refuses: each with the name of what is wrong, and nothing is written."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.jobs.tests.refusing import cases, nothing_written, unpublished  # noqa: F401
from apps.jobs.tests.sample_tasks import add_task

pytestmark = pytest.mark.django_db

ADD = str(add_task.name)


def typed(*words: str) -> CommandError:
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("job", *words, stdout=out, stderr=StringIO())
    assert out.getvalue() == ""
    assert len(str(error.value)) < 2000
    return error.value


# fmt: off
BAD_WORDS: dict[str, list[Any]] = {
    "--delay": ["-5s", "2147483648s", "1e9", "NaN", "inf", "five", "", "5 m", "5m 3s", "31d", "0x5s", "٥s",
        "5m\x00", "9" * 300 + "d"],
    "--eta": ["2027-01-01T09:00:00", "2027-01-01", "9999-12-31T00:00:00Z", "tomorrow", "", "1767225600",
        "2020-01-01T00:00:00Z", "2027-02-30T00:00:00Z"],
    "--expires": ["0s", "-1s", "60d", "2020-01-01T00:00:00Z", "2027-01-01", "soon", ""],
    "--priority": ["-1", "10", "255", "256", "high", "", "5.0", "٥", "9" * 5000],
    "--queue": ["emial", "email.high", "email.#", "*", "x" * 300, "", "队列"],
    "--key": ["x" * 300, "a\x00b"],
    "--unique": ["newest", "latest"],  # of no key
    "--debounce": ["0s", "31d", "soon", "5m"],
    "--at-most": ["soon", ""],
    "--tag": ["", "x" * 101],
    "--timeout": ["NaN", "inf", "-1", "long", ""],
    "--args": ["5", "{}", "[1", "[NaN]", "[Infinity]", "", "[" * 100_000, f"[{'9' * 5000}]"],
    "--kwargs": ["[]", "null", '{"left": NaN}', '{"left": 1, "left": 2}', "{'left': 1}", ""],
    "--arg": ["left", "=5", "", " =5"],
}
# fmt: on


@pytest.mark.parametrize(("option", "text"), cases(BAD_WORDS))
def test_a_bad_word_at_the_terminal_is_named(option: str, text: str) -> None:
    error = typed("submit", ADD, "--arg", "right=1", f"{option}={text}")
    assert error.returncode == 2
    assert option.lstrip("-") in str(error)
    assert "expected" in str(error)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["--kwargs", '{"left": "one"}'], "left"),
        (["--arg", "left=1", "--arg", "rigth=2"], "rigth"),
        (["--arg", "left=1", "--arg", "left=2"], "--arg"),
        (["--arg", "left=1", "--kwargs", '{"left": 2}'], "left"),
        (["--arg", "left=1.5"], "left"),
        ([], "left"),
        (["--args", "[1]", "--delay", "5m", "--eta", "2027-01-01T00:00:00Z"], "eta"),
        (["--args", "[1, 2, 3]"], "too many positional arguments"),
        (["--args", f'["{"x" * 20_000_000}"]'], "left"),
    ],
)
def test_arguments_that_do_not_fit_are_named_at_the_terminal(words: list[str], name: str) -> None:
    error = typed("submit", ADD, *words)
    assert error.returncode == 2
    assert name in str(error)


def test_an_unknown_task_at_the_terminal_is_told_with_the_nearest() -> None:
    error = typed("submit", "apps.jobs.tests.sample_tasks.ad_task", "--arg", "left=1")
    assert (error.returncode, "did you mean" in str(error)) == (2, True)
    assert typed("submit", "celery.backend_cleanup").returncode == 2


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["list", "--state", "LOST"], "--state"),
        (["list", "--state", ""], "--state"),
        (["list", "--dead", "--held"], "--state"),
        (["list", "--since", "yesterday"], "--since"),
        (["list", "--since=-5m"], "--since"),
        (["list", "--limit", "0"], "--limit"),
        (["list", "--limit", "10001"], "--limit"),
        (["list", "--limit", "many"], "--limit"),
        (["list", "--task", "a\x00b"], "--task"),
        (["list", "--queue", "a\x00b"], "--queue"),
        (["retry", "x", "--args", "{}"], "--args"),
        (["retry", "x", "--kwargs", "[1]"], "--kwargs"),
        (["show", "a\x00b"], "no job has the id"),
        (["retry", "a\x00b"], "no job has the id"),
        (["cancel", "x" * 10_000], "no job has the id"),
    ],
)
def test_other_actions_name_what_is_wrong_too(words: list[str], name: str) -> None:
    error = typed(*words)
    assert error.returncode == 2
    assert name in str(error)
