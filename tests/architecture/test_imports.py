"""Dependencies point one way."""

import ast

import pytest

from tests.architecture.source import Import, Module, sources

DOMAIN = {"email", "data", "report", "notification", "cleanup"}
PUBLIC = {
    "acting", "arguments", "catalog", "chaining", "commanding", "duties", "errors", "events", "joblog",
    "limits", "orders", "permissions", "progress", "reading", "reporting", "retention", "state", "states",
    "submitting", "uniqueness", "workers",
    # and the names that the package itself offers
    "Call", "Job", "once", "submit", "submit_chain", "submit_many",
}  # fmt: skip
# Apps that show jobs: what each needs beyond the public modules, and why.
LOOKING = {
    "console": {},
    "ledger": {
        "models": "the admin and `manage.py job` list rows as they are",
        "letters": "the admin sends dead letters again",
        "redacting": "the bodies of dead letters are shown without their secrets",
        "stream": "the error in a stored result is read as the ledger reads it",
    },
    "messaging": {
        "confirming": "events and broadcasts are published as jobs are",
        "outgoing": "and so over any outage",
        "wire": "and are messages of the same kind",
        "models": "the rows of events are the outbox",
        "plain": "what goes with a broadcast is plain JSON",
        "resending": "what a broker out of reach raises",
        "scrubbing": "what is logged of a message that is no event has no secrets",
        "tolerating": "no message may break a connection",
    },
    "gate": {
        "plain": "words of people are checked as elsewhere",
        "arguments": "keys of limits are values of arguments",
        "backends": "the ledger hears who is held",
        "ending": "of a job that the ledger doesn't know, whether Redis does",
        "leading": "one recorder sends held jobs on",
        "models": "held jobs are rows of the engine",
        "outgoing": "over any outage, as the outbox is",
        "redacting": "a secret value is in no key and no sentence",
        "routing": "the queue of a delivery",
        "stream": "Redis knows first that a job which had ended is sent again",
        "wire": "held jobs are messages",
    },
    "batches": {
        "leading": "one recorder cancels members",
        "outgoing": "over any outage, as the outbox is",
        "recalling": "what a failed member was called with, with its secrets",
        "redacting": "a batch keeps no secret of a callback",
    },
    "canvas": {
        "redacting": "the body of a chord is kept only if it holds no secret",
        "results": "the result backend tells of chords, too",
        "stream": "Redis may know of a body before the ledger does",
    },
    "running": {
        "backends": "who was asked to end is told again, and ended",
        "heartbeat": "a worker's requests, and the moment at which it begins to stop",
        "models": "who was asked to end is a column of the ledger",
        "plain": "cursors are plain JSON",
        "routing": "the queue of a delivery, which may be paused",
        "stream": "workers see in Redis who was asked to end",
    },
    "monitoring": {"backlog": "whether the ledger keeps up"},
    "schedules": {"redacting": "what changed in a schedule is told without its secrets"},
    "planner": {},
    "taskforms": {},
    "outbound": {},
    "testing": {
        "models": "what a test hands in are rows",
        "publishing": "nothing of it leaves the test",
        "redacting": "the rows of what has run hide secrets",
        "routing": "the queue of a message",
        "standing": "a job that begins frees its key",
        "wire": "jobs are run from their messages",
    },
}
OUTBOUND = ["apps", "outbound", "guarding"]  # how every app reaches addresses that people typed
STEPPING = ["apps", "running", "steps"]  # what a task of any app may loop with
SUBSCRIBING = ["apps", "messaging", "subscribing"]  # the one way in which domain apps hear of each other
BATCHES = {"open_batch", "current_batch", "find_batch", "BatchHandle", "Callback"}  # as the engine's own
LEAVES = {"recorder", "ledger", "planner", "testing"}  # used by people and processes, by commands and pages
EDGES = {"tasks", "admin", "views", "subscribers", "api"}
LOCAL_IMPORTS = {
    "apps/jobs/__init__.py": "models can't be imported together with the package",
    "apps/jobs/apps.py": "nor before the apps are ready",
    "project/apps.py": "checks read the settings",
    "manage.py": "the name of the settings comes first",
}


def own(module: Module) -> list[Import]:
    return [found for found in module.imports if found.name.split(".")[0] in {"apps", "project", "tests"}]


def wrong(check: object) -> list[str]:
    return [
        f"{module.file}:{found.line} imports {found.name}"
        for module in sources()
        for found in own(module)
        if check(module, found)  # type: ignore[operator]
    ]


def parts(found: Import) -> list[str]:
    return found.name.split(".")


def test_domain_apps_use_only_themselves_and_the_public_engine() -> None:
    def check(module: Module, found: Import) -> bool:
        if module.app not in DOMAIN or parts(found)[0] != "apps" or parts(found)[1] == module.app:
            return False
        _, app, *rest = parts(found)
        if parts(found)[:3] in (OUTBOUND, STEPPING):
            return False
        if parts(found)[:3] == SUBSCRIBING:
            return not module.name.endswith(".subscribers")
        if app == "batches":
            return rest[0] not in BATCHES
        return app != "jobs" or rest[0] not in PUBLIC

    assert wrong(check) == []


def test_the_engine_knows_none_of_its_users() -> None:
    assert wrong(lambda module, found: module.app == "jobs" and parts(found)[:2] != ["apps", "jobs"]) == []


def test_the_recorder_is_the_other_half_of_the_engine() -> None:
    """It may use all of `apps.jobs`, and nothing else."""
    halves = {"jobs", "recorder"}
    assert wrong(lambda m, found: m.app == "recorder" and not in_apps(found, halves)) == []


def test_who_shows_jobs_looks_through_the_public_engine() -> None:
    def check(module: Module, found: Import) -> bool:
        if module.app not in LOOKING or not in_apps(found, {"jobs"}):
            return False
        return parts(found)[2] not in PUBLIC | LOOKING[module.app].keys()

    assert wrong(check) == []


def test_nobody_looks_past_the_public_engine_without_need() -> None:
    used = {(m.app, parts(found)[2]) for m in sources() for found in own(m) if in_apps(found, {"jobs"})}
    assert {(app, name) for app, names in LOOKING.items() for name in names} - used == set()


@pytest.mark.parametrize("leaf", sorted(LEAVES))
def test_nobody_imports_a_leaf(leaf: str) -> None:
    assert wrong(lambda module, found: module.app != leaf and in_apps(found, {leaf})) == []


def in_apps(found: Import, apps: set[str]) -> bool:
    return parts(found)[0] == "apps" and parts(found)[1] in apps


def test_apps_never_import_the_project() -> None:
    assert wrong(lambda module, found: module.app is not None and parts(found)[0] == "project") == []


def test_the_project_names_apps_as_strings() -> None:
    assert wrong(lambda module, found: module.name.startswith("project") and parts(found)[0] == "apps") == []


def test_no_source_imports_tests() -> None:
    bench = ("benchmarks", "conftest")
    assert wrong(lambda m, found: not m.name.startswith(bench) and parts(found)[0] == "tests") == []


def test_nobody_imports_an_edge() -> None:
    def check(module: Module, found: Import) -> bool:
        own_urls = module.name.endswith(".urls") and parts(found)[:2] == ["apps", str(module.app)]
        return parts(found)[0] == "apps" and bool(EDGES & set(parts(found)[2:])) and not own_urls

    assert wrong(check) == []


def test_own_code_is_imported_at_the_top() -> None:
    found = wrong(lambda module, found: found.inside is not None and module.file not in LOCAL_IMPORTS)
    assert found == []


def test_there_is_no_import_cycle() -> None:
    names = {module.name for module in sources()}
    graph = {module.name: {target(found, names) for found in own(module)} for module in sources()}
    assert cycle(graph) == []


def target(found: Import, names: set[str]) -> str:
    return found.name if found.name in names else found.name.rpartition(".")[0]


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle if there is any, by taking away what depends on nothing left."""
    left = dict(graph)
    while free := [name for name, needs in left.items() if not (needs - {name}) & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


@pytest.mark.parametrize("name", sorted(DOMAIN | LOOKING.keys() | {"jobs", "recorder"}))
def test_every_app_says_what_it_owns(name: str) -> None:
    (module,) = [module for module in sources() if module.name == f"apps.{name}"]
    text = ast.get_docstring(module.tree) or ""
    assert text, "no docstring"
    assert text.count("\n") < 8, "more than eight lines"
