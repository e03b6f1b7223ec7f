"""The size budgets of CONTRIBUTING.md. An exception stands here, with its reason."""

import ast
import re
from collections import Counter

from tests.architecture.source import AnyFunction, Module, modules, sources

FILE_LINES, TEST_FILE_LINES = 300, 400
FUNCTION_LINES, TASK_LINES = 50, 10
ARGUMENTS = 5
APP_LINES = 2_000
LONGER_FILES: dict[str, str] = {}
LARGER_APPS = {
    # The engine: what it does belongs together, and no app may do it itself. Of it, 60 lines are the outbox
    # of events and the way of notices, 400 limits, where a job asks the gate, and the rows of those who wait,
    # 255 running jobs that are asked to end and what they say, 170 routers of a user's own, 390 keys, 25
    # telling other apps of ends, 15 what a worker gives back until it is due.
    "jobs": 8_815,
    "recorder": 2_150,  # one process: its five duties share what they know of the stream and of workers
    # The timetable: arithmetic that nothing else needs, schedules as documents, and what only SQL can write.
    "schedules": 4_100,
}
MORE_ARGUMENTS = {
    "settings_customise_sources": "pydantic-settings calls it with these",
    "_store_result": "Celery's own signature",
    "mark_as_failure": "Celery's own signature",
}
FORBIDDEN_NAMES = {"utils", "helpers", "services", "misc", "common"}


def test_files_fit_on_a_few_screens() -> None:
    long = [
        f"{module.file}: {module.lines} lines"
        for module in modules()
        if module.lines > (TEST_FILE_LINES if module.is_test else FILE_LINES)
        and module.file not in LONGER_FILES
    ]
    assert long == []


def test_functions_do_one_thing() -> None:
    long = [
        f"{module.file}:{function.lineno} {function.name}: {length(function)} lines"
        for module in modules()
        for function in module.functions()
        if length(function) > (TASK_LINES if is_task(function) and not module.is_test else FUNCTION_LINES)
    ]
    assert long == []


def length(function: AnyFunction) -> int:
    """Lines of a function; a task's docstring is for people and doesn't count."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    has_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    text = (first.end_lineno or first.lineno) - first.lineno + 1 if has_text else 0
    return whole - text if is_task(function) else whole


def is_task(function: AnyFunction) -> bool:
    return any("shared_task" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_functions_take_few_arguments() -> None:
    many = [
        f"{module.file}:{function.lineno} {function.name}: {count(function)} arguments"
        for module in sources()
        for function in module.functions()
        if count(function) > ARGUMENTS and not is_task(function) and function.name not in MORE_ARGUMENTS
    ]
    assert many == []


def count(function: AnyFunction) -> int:
    names = [argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]]
    return len([name for name in names if name not in {"self", "cls"}])


def test_nothing_is_left_to_do_in_comments() -> None:
    word = re.compile(r"#\s*(TODO|FIXME|XXX)\b")
    assert [module.file for module in modules() if word.search(module.text)] == []


def test_modules_are_named_after_their_subject() -> None:
    assert [m.file for m in modules() if m.path.stem in FORBIDDEN_NAMES] == []


def test_apps_stay_small() -> None:
    sizes: Counter[str] = Counter()
    for module in sources():
        sizes[app_of(module)] += module.lines
    del sizes[""]
    assert {app: size for app, size in sizes.items() if size > LARGER_APPS.get(app, APP_LINES)} == {}


def app_of(module: Module) -> str:
    return module.app or ""
