"""docker/Dockerfile by our own rules, and its steps run on this machine as far as they can be."""

import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.source import sources
from tests.docker.composition import DOCKER, ROOT, dockerfile, stages

FINAL = stages()[-1]
FOREIGN = ("CELERY_", "FLOWER_", "SWITCHYARD_", "DATABASE_", "REDIS_", "VAR_ROOT")


def arguments(name: str, rows: list[tuple[str, str]] | None = None) -> list[str]:
    return [rest for instruction, rest in (rows or dockerfile()) if instruction == name]


def test_every_base_is_the_same_pinned_slim_python() -> None:
    bases = {rest.split()[0] for rest in arguments("FROM")}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.13\.\d+-slim-[a-z]+", bases.pop())


def test_nothing_is_added_from_the_network() -> None:
    assert arguments("ADD") == []
    assert [run for run in arguments("RUN") if re.search(r"\b(curl|wget|git)\b", run)] == []


def test_packages_are_checked_by_their_hashes() -> None:
    (install,) = [run for run in arguments("RUN") if "pip --python" in run]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert "requirements/base.txt" in " ".join(arguments("COPY"))


def test_the_process_is_no_root_and_can_not_change_its_code() -> None:
    assert arguments("USER", FINAL) == ["10001:10001"]
    copies = arguments("COPY", FINAL)
    assert copies
    assert all("--from=build" in copy and "--chown=0:0" in copy for copy in copies)


def test_the_last_stage_compiles_and_downloads_nothing() -> None:
    assert [run for run in arguments("RUN", FINAL) if "pip" in run or "apt" in run] == []


def test_no_variable_of_the_image_is_a_secret() -> None:
    text = " ".join([*arguments("ENV"), *arguments("ARG")])
    assert not re.search(r"SECRET|PASSWORD|TOKEN|_URL|AUTH", text)


def test_the_image_has_an_entrypoint_a_health_check_and_a_default() -> None:
    assert arguments("ENTRYPOINT") == ['["/app/docker/entrypoint.sh"]']
    assert arguments("CMD") == ['["web"]']
    assert "/app/docker/healthcheck.py" in arguments("HEALTHCHECK")[0]
    for name in ("entrypoint.sh", "healthcheck.py"):
        assert (DOCKER / name).is_file()
    assert os.access(DOCKER / "entrypoint.sh", os.X_OK)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of static files that the build makes, with its own command."""
    var = tmp_path_factory.mktemp("image")
    (run,) = [run for run in arguments("RUN") if "collectstatic" in run]
    command = run.replace("/app/var", str(var)).replace("/opt/venv/bin/python", sys.executable)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    subprocess.run(["/bin/sh", "-euc", command], env=kept, cwd=ROOT, check=True, timeout=120)
    return var


def test_the_build_collects_static_files_without_any_server(built: Path) -> None:
    assert (built / "static" / "staticfiles.json").is_file()
    assert list((built / "static").glob("admin/css/base.*.css"))


def test_the_build_leaves_no_secret_behind(built: Path) -> None:
    assert {path.name for path in built.iterdir()} == {"static"}


def image_files() -> list[str]:
    """What `COPY . /app` brings in, by the rules of .dockerignore that we use."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    wanted = [line[1:] for line in lines if line.startswith("!")]
    unwanted = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    paths = [path for top in wanted for path in [ROOT / top, *(ROOT / top).rglob("*")] if path.is_file()]
    files = [path.relative_to(ROOT) for path in paths]
    return [
        f.as_posix() for f in files if not any(fnmatch(part, rule) for part in f.parts for rule in unwanted)
    ]


def test_the_image_holds_what_it_runs_and_no_more() -> None:
    files = image_files()
    assert {"manage.py", "project/settings.py", "apps/jobs/task.py", "docker/entrypoint.sh"} <= set(files)
    odd = re.compile(r"(^|/)(tests|secrets|var|\.env|\.git|conftest\.py)(/|$)")
    assert [name for name in files if odd.search(name)] == []


FOR_TESTS = "apps.testing.plugin"  # pytest loads it, where there is one


def test_the_image_has_every_package_that_our_code_imports() -> None:
    lock = (ROOT / "requirements" / "base.txt").read_text().splitlines()
    installed = {plain(line.partition("==")[0]) for line in lock if "==" in line}
    owners = packages_distributions()
    missing = {
        f"{module.file}: {found.name}"
        for module in sources()
        if module.name.startswith(("apps.", "project.")) and module.name != FOR_TESTS
        for found in module.imports
        if (packages := owners.get(found.name.split(".")[0]))
        and not {plain(name) for name in packages} & installed
    }
    assert missing == set()


def plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
