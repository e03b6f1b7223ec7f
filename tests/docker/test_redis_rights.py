"""What the users of docker/redis may do, on a real server with the same files."""

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, ResponseError

from tests.docker.composition import DOCKER, directives, megabytes, services
from tests.docker.stack import Container, Stack

DANGEROUS = (
    "FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET maxmemory 0", "DEBUG SLEEP 0", "KEYS *", "SHUTDOWN",
    "MONITOR", "SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF NO ONE", "ACL LIST", "CLIENT LIST",
    "CLIENT KILL ID 1", "SWAPDB 0 1", "MODULE LIST", "SCRIPT FLUSH", "FUNCTION FLUSH", "LATENCY RESET",
)  # fmt: skip
ROLES = ("redis_url_web", "redis_url_worker", "redis_url_recorder", "cache_url")


@pytest.fixture
def link(stack: Stack, request: pytest.FixtureRequest) -> Iterator["Redis"]:
    """A client with the URL of the secret that the test names."""
    with Redis.from_url(stack.url(request.param), decode_responses=True) as client:
        yield client


@pytest.mark.parametrize("command", DANGEROUS)
@pytest.mark.parametrize("link", ROLES, indirect=True)
def test_nobody_may_do_dangerous_things(link: "Redis", command: str, request: pytest.FixtureRequest) -> None:
    if "cache_url" in request.node.callspec.id and command == "FLUSHDB":
        assert link.flushdb(), "Django empties its cache with it"
        return
    with pytest.raises(ResponseError, match="no permissions|not allowed"):
        link.execute_command(*command.split())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("secret", ROLES)
def test_without_a_password_nothing_works(stack: Stack, secret: str) -> None:
    scheme, _, place = stack.url(secret).partition("://")
    with (
        Redis.from_url(f"{scheme}://{place.partition('@')[2]}") as client,
        pytest.raises(AuthenticationError),
    ):
        client.ping()


@pytest.mark.parametrize("name", ["state", "cache"])
def test_the_user_of_the_health_check_can_only_ping(stack: Stack, name: str) -> None:
    port = getattr(stack, name).port
    with Redis(port=port, username="health", password="any") as client:
        assert client.ping()
        with pytest.raises(NoPermissionError):
            client.get("switchyard:secret")


@pytest.mark.parametrize("link", ["redis_url_web"], indirect=True)
def test_the_site_reaches_a_result_only_as_its_scripts_do(link: "Redis") -> None:
    """They store one and take one away, so SET and DEL it may; docs/deployment.md says what that means."""
    assert link.get("celery-task-meta-1") is None
    for act in (link.append, link.setnx, link.getset):
        with pytest.raises(NoPermissionError):
            act("celery-task-meta-1", "{}")
    for refuse in (link.persist, link.unlink):
        with pytest.raises(NoPermissionError):
            refuse("celery-task-meta-1")


@pytest.mark.parametrize("link", ["redis_url_web"], indirect=True)
def test_the_site_adds_to_the_stream_and_takes_nothing_from_it(link: "Redis") -> None:
    entry = link.xadd("switchyard:ledger", {"kind": "published", "id": "none", "doc": ""})
    assert link.xlen("switchyard:ledger") >= 1
    commands = ("XDEL {0} {1}", "XTRIM {0} MAXLEN 0", "DEL {0}", "XGROUP CREATE {0} mine 0", "EXPIRE {0} 1")
    for command in commands:
        with pytest.raises(NoPermissionError):
            link.execute_command(*command.format("switchyard:ledger", entry).split())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("link", ["redis_url_web"], indirect=True)
def test_the_site_says_what_is_paused_and_gives_no_permits(link: "Redis") -> None:
    assert link.set("switchyard:gate", "[[], []]")
    for act in (link.delete, link.incr):
        with pytest.raises(NoPermissionError):
            act("switchyard:gate")
    with pytest.raises(NoPermissionError):
        link.set("switchyard:gate:pass:none", 1)


@pytest.mark.parametrize("link", ["redis_url_recorder"], indirect=True)
def test_the_recorder_waits_for_what_wakes_the_gate(link: "Redis") -> None:
    link.rpush("switchyard:gate:wake", 1)
    assert link.blpop(["switchyard:gate:wake"], timeout=1)


@pytest.mark.parametrize("link", ["cache_url"], indirect=True)
def test_the_cache_runs_no_script(link: "Redis") -> None:
    with pytest.raises(NoPermissionError):
        link.script_load("return 1")


@pytest.mark.parametrize("link", ["redis_url_web", "redis_url_recorder"], indirect=True)
def test_the_scripts_of_others_than_workers_reach_our_keys_alone(link: "Redis") -> None:
    digest = link.script_load("return redis.call('SET', KEYS[1], 'x')")
    with pytest.raises(NoPermissionError):
        link.eval("return 1", 0)
    for key in ("unacked", "other:1", "_kombu.binding.default"):
        with pytest.raises(ResponseError, match="permission"):
            link.evalsha(digest, 1, key)


@pytest.mark.parametrize("link", ["redis_url_web"], indirect=True)
def test_a_script_of_the_site_may_do_no_more_than_the_site(link: "Redis") -> None:
    digest = link.script_load("return redis.call('DEL', KEYS[1])")
    for key in ("switchyard:ledger", "switchyard:tries:1", "switchyard:mended"):
        with pytest.raises(ResponseError, match="permission"):
            link.evalsha(digest, 1, key)


@pytest.mark.parametrize("link", ["redis_url_worker", "redis_url_recorder"], indirect=True)
def test_our_own_keys_are_open_to_workers_and_recorder(link: "Redis") -> None:
    with link.pipeline() as pipe:
        pipe.hset("switchyard:progress:1", mapping={"done": 1})
        pipe.expire("switchyard:progress:1", 60)
        pipe.set("switchyard:lock:1", "me", nx=True, px=1000)
        pipe.execute()
    assert link.hgetall("switchyard:progress:1") == {"done": "1"}
    assert "used_memory" in link.info("memory"), "for the alarm about memory"


@pytest.mark.parametrize("link", ["redis_url_web"], indirect=True)
def test_the_site_reads_our_own_keys_and_changes_none(link: "Redis") -> None:
    assert link.hgetall("switchyard:progress:2") == {}
    assert link.lrange("switchyard:log:2", 0, -1) == []
    assert "used_memory" in link.info("memory"), "for the alarm about memory"
    with pytest.raises(NoPermissionError):
        link.hset("switchyard:progress:2", mapping={"done": 1})


@pytest.mark.parametrize("link", ["redis_url_web", "redis_url_recorder"], indirect=True)
def test_other_peoples_keys_are_closed(link: "Redis") -> None:
    with pytest.raises(NoPermissionError):
        link.get("other:1")
    with pytest.raises(NoPermissionError):
        link.publish("other", "x")


@pytest.mark.parametrize("link", ["redis_url_worker"], indirect=True)
def test_locks_work_for_workers(link: "Redis") -> None:
    with link.lock("switchyard:lock:2", timeout=5) as lock:
        assert lock.reacquire()
    assert not link.exists("switchyard:lock:2")


def test_a_round_trip_meets_no_refusal(stack: Stack, worker: Container) -> None:
    """Store, wait, group, chord, forget and the cache, each with its own user."""
    script = """
from celery import chord, group
from celery.result import AsyncResult, GroupResult
from django.core.cache import cache
from tests.docker.jobs import add_task, total_task
one = add_task.delay(1, 2)
many = group(add_task.s(n, n) for n in range(3)).apply_async()
many.save()
nested = chord([group(add_task.s(n, 1) for n in range(2)), add_task.s(5, 5)])(total_task.s())
cache.set("switch", {"on": 1}, 60)
cache.add("count", 1)
cache.incr("count")
print(one.get(timeout=30), GroupResult.restore(many.id).get(timeout=30), nested.get(timeout=30),
      AsyncResult(one.id).state, cache.get("switch"))
cache.clear()
"""
    assert stack.shell("web", script) == "3 [0, 2, 4] 13 SUCCESS {'on': 1}"
    assert "NOPERM" not in worker.said()


@pytest.mark.parametrize("link", ["cache_url"], indirect=True)
def test_a_full_cache_makes_room(link: "Redis") -> None:
    limit = megabytes(directives(DOCKER / "redis" / "cache.conf")["maxmemory"])
    for number in range(int(limit) + 20):
        link.set(f"switchyard:1:{number}", b"x" * 2**20)
    assert link.info("stats")["evicted_keys"] >= 20
    link.flushdb()


@pytest.mark.parametrize("link", ["redis_url_worker"], indirect=True)
def test_a_full_state_refuses_and_forgets_nothing(link: "Redis") -> None:
    limit = megabytes(directives(DOCKER / "redis" / "state.conf")["maxmemory"])
    link.set("switchyard:kept", "yes")
    with pytest.raises(OutOfMemoryError):
        fill(link, int(limit) // 8 + 5)
    assert link.get("switchyard:kept") == "yes"
    for key in link.scan_iter("switchyard:fill:*"):
        link.delete(key)


def fill(link: "Redis", times: int) -> None:
    for number in range(times):
        link.set(f"switchyard:fill:{number}", b"x" * 2**23)


def test_state_outlives_a_restart_and_the_cache_does_not(stack: Stack) -> None:
    for server, secret in ((stack.state, "redis_url_worker"), (stack.cache, "cache_url")):
        with Redis.from_url(stack.url(secret)) as client:
            client.set("switchyard:mark", "there")
        server.restart()
    with Redis.from_url(stack.url("redis_url_worker")) as client:
        assert client.get("switchyard:mark") == b"there"
    with Redis.from_url(stack.url("cache_url")) as client:
        assert client.get("switchyard:mark") is None


@pytest.mark.parametrize("name", ["state", "cache"])
def test_each_server_fits_its_container(name: str) -> None:
    """A rewrite of the append-only file may double what the state needs."""
    room = megabytes(services()[f"redis-{name}"]["mem_limit"])
    factor = 2 if name == "state" else 1.5
    assert megabytes(directives(DOCKER / "redis" / f"{name}.conf")["maxmemory"]) * factor <= room
