"""docker/compose.yaml holds together, and keeps the promises of its comments."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from project.config import AppConfig, CeleryConfig, FlowerConfig
from project.profiles import IN_USE, PROFILES, ProfileRow
from tests.docker.composition import (
    DOCKER,
    VARIABLE,
    compose,
    environment,
    megabytes,
    ours,
    secret_files,
    services,
    with_defaults,
)

ONE_SHOTS = {"migrate"}
WORKERS = ["worker", "urgent", "io", "heavy"]
SERVERS = {"postgres", "rabbitmq", "redis-state", "redis-cache"}
FOREIGN = {"PGOPTIONS"}  # libpq's own
EVERY = sorted(services())
TEXT = (DOCKER / "compose.yaml").read_text()


def known_names() -> set[str]:
    """What project/config.py and docker/entrypoint.sh read."""
    sections = (AppConfig, CeleryConfig, FlowerConfig)
    names = {
        f"{section.model_config.get('env_prefix') or ''}{name}".upper()
        for section in sections
        for name in section.model_fields
    }
    script = (DOCKER / "entrypoint.sh").read_text()
    return names | {f"{name}_FILE" for name in names} | set(re.findall(r"\$\{(\w+):-", script)) | FOREIGN


def sources(service: dict[str, Any]) -> list[str]:
    return [str(mount).split(":")[0] for mount in service.get("volumes", [])]


@pytest.mark.parametrize("name", EVERY)
def test_a_service_waits_only_for_services(name: str) -> None:
    needs = services()[name].get("depends_on", {})
    assert set(needs) <= set(services())
    for other, how in needs.items():
        wanted = "service_completed_successfully" if other in ONE_SHOTS else "service_healthy"
        assert how["condition"] in {wanted, "service_started"}


def test_the_start_order_has_no_circle_and_ends_with_the_site() -> None:
    left = {name: set(row.get("depends_on", {})) for name, row in services().items()}
    order: list[str] = []
    while left:
        free = sorted(name for name, needs in left.items() if not needs - set(order))
        assert free, f"these wait for each other: {sorted(left)}"
        order += free
        left = {name: needs for name, needs in left.items() if name not in free}
    at = {name: order.index(name) for name in order}
    assert max(at[name] for name in SERVERS) < at["migrate"] < at["worker"] < min(at["web"], at["beat"])


@pytest.mark.parametrize("name", EVERY)
def test_what_a_service_uses_is_declared(name: str) -> None:
    row = services()[name]
    assert set(row.get("secrets", [])) <= set(compose()["secrets"])
    assert set(row["networks"]) <= set(compose()["networks"])
    named = [source for source in sources(row) if not source.startswith(".")]
    assert set(named) <= set(compose()["volumes"])


def test_what_is_declared_is_used() -> None:
    rows = services().values()
    assert set(compose()["secrets"]) == {secret for row in rows for secret in row.get("secrets", [])}
    assert set(compose()["networks"]) == {network for row in rows for network in row["networks"]}
    assert set(compose()["volumes"]) == {s for row in rows for s in sources(row) if not s.startswith(".")}


@pytest.mark.parametrize("name", EVERY)
def test_mounted_files_exist(name: str) -> None:
    mounted = [DOCKER / source for source in sources(services()[name]) if source.startswith(".")]
    assert [path for path in mounted if not path.is_file()] == []


@pytest.mark.parametrize("name", EVERY)
def test_images_are_pinned(name: str) -> None:
    image, _, tag = with_defaults(services()[name]["image"]).rpartition(":")
    assert image
    if name not in ours():
        assert re.search(r"\d+\.\d+\.\d+|^\d+\.\d+-", tag), f"{tag} may change under our feet"


def test_one_service_builds_the_image_of_all() -> None:
    """Several at once fail with "already exists", and a missing one must not come from a registry."""
    assert [name for name, row in services().items() if "build" in row] == ["migrate"]
    assert {row["pull_policy"] for row in ours().values()} == {"never"}
    build = services()["migrate"]["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).is_file()
    assert all("migrate" in row["depends_on"] for name, row in ours().items() if name != "migrate")


def test_docker_itself_takes_the_file_where_it_is_installed() -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        return
    argv = [docker, "compose", "-f", str(DOCKER / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", EVERY)
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    ports = [str(port) for port in services()[name].get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_databases_and_queues_have_no_port_outside() -> None:
    assert [name for name in SERVERS if services()[name].get("ports")] == ["rabbitmq"]
    assert services()["rabbitmq"]["ports"] == ["127.0.0.1:${RABBITMQ_PORT:-15672}:15672"]
    assert compose()["networks"]["servers"] == {"internal": True}


@pytest.mark.parametrize("name", EVERY)
def test_every_service_says_how_it_is_or_ends(name: str) -> None:
    check = services()[name].get("healthcheck", {})
    if name in ONE_SHOTS:
        assert check == {"disable": True}
        assert services()[name]["restart"] == "no"
    elif name in ours():
        assert check == {}, "the image has its own"
        assert services()[name]["restart"] == "unless-stopped"
    else:
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@pytest.mark.parametrize("name", EVERY)
def test_every_container_is_locked_down(name: str) -> None:
    row = services()[name]
    assert row["read_only"] is True
    assert row["cap_drop"] == ["ALL"]
    assert "cap_add" not in row
    assert "privileged" not in row
    assert row["security_opt"] == ["no-new-privileges:true"]
    assert row["init"] is True
    assert megabytes(row["mem_limit"]) >= 128
    assert name in ours() or row["user"] not in {"root", "0"}
    assert any(mount.startswith("/tmp") for mount in row["tmpfs"])


@pytest.mark.parametrize("name", sorted(ours()))
def test_variables_are_ones_that_something_reads(name: str) -> None:
    assert {variable.partition("__")[0] for variable in environment(name)} - known_names() == set()


@pytest.mark.parametrize("name", sorted(ours()))
def test_secrets_come_as_files_that_the_service_has(name: str) -> None:
    files = {value for variable, value in environment(name).items() if variable.endswith("_FILE")}
    assert files == {f"/run/secrets/{secret}" for secret in services()[name]["secrets"]}


def test_no_password_stands_in_the_file() -> None:
    for name in EVERY:
        for variable, value in environment(name).items():
            assert not re.search(r"://[^/@]*:[^/@]+@", value), f"{name}: {variable}"
            assert variable.endswith("_FILE") or "PASSWORD" not in variable


def test_nothing_has_to_be_set_first() -> None:
    assert [found["name"] for found in VARIABLE.finditer(TEXT) if found["default"] is None] == []


@pytest.mark.parametrize("name", sorted(ours()))
def test_commands_are_roles_of_the_entrypoint(name: str) -> None:
    role, *words = services()[name]["command"]
    assert re.search(rf"^    {role}\)$", (DOCKER / "entrypoint.sh").read_text(), re.MULTILINE)
    assert words == ([profile_of(name).name] if role == "worker" else [])


def profile_of(name: str) -> ProfileRow:
    return next(row for row in PROFILES if row.name == services()[name]["command"][1])


def test_compose_starts_the_profiles_in_use_and_offers_the_others() -> None:
    rows = {name: row for name, row in services().items() if row.get("command", [""])[0] == "worker"}
    assert {profile_of(name).name for name in rows} == {row.name for row in PROFILES}
    started = {profile_of(name).name for name, row in rows.items() if "profiles" not in row}
    assert started == set(IN_USE) == set(environment("worker")["WORKER_SET"].split(","))
    assert all(row.get("profiles", [name]) == [name] for name, row in rows.items() if name != "worker")


@pytest.mark.parametrize("name", WORKERS)
def test_a_stopped_worker_has_time_to_give_its_jobs_back(name: str) -> None:
    grace = int(services()[name]["stop_grace_period"].removesuffix("s"))
    assert grace >= CeleryConfig.model_fields["worker_soft_shutdown_timeout"].default + 10


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_fits_its_container(name: str) -> None:
    row, given = profile_of(name), environment(name)
    asked = given.get("WORKER_PROFILES__URGENT__CONCURRENCY") or given.get("CELERY_WORKER_CONCURRENCY")
    processes = int(asked or row.concurrency or 0) if row.pool == "prefork" else 1
    limit = CeleryConfig.model_fields["worker_max_memory_per_child"].default
    each = (row.max_memory_kilobytes or (limit if row.pool == "prefork" else 300_000)) / 1024
    assert processes * each + 200 < megabytes(services()[name]["mem_limit"])


def test_the_site_and_the_workers_see_the_same_files() -> None:
    with_files = {
        name for name, row in services().items() if "files:/var/lib/switchyard" in row.get("volumes", [])
    }
    assert with_files == {"web", *WORKERS}


def test_flower_knows_no_secret_of_the_site() -> None:
    assert set(services()["flower"]["secrets"]) == {"flower_basic_auth", "broker_url_monitor"}


def test_secret_files_lie_where_git_does_not_look() -> None:
    assert all(
        (Path("secrets") / path).parts[0] == "secrets" and ".." not in path
        for path in secret_files().values()
    )
    assert all(row["file"].startswith("./secrets/") for row in compose()["secrets"].values())


def test_the_data_of_postgres_18_lies_one_folder_up() -> None:
    """Up to 17 it was /var/lib/postgresql/data; mounted there, 18 would keep nothing."""
    assert services()["postgres"]["volumes"][0] == "postgres:/var/lib/postgresql"


def test_rabbitmq_finds_its_data_after_a_new_start() -> None:
    assert services()["rabbitmq"]["hostname"] == "rabbitmq"
