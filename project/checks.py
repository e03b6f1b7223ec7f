"""What `manage.py check` says about the configuration beyond single values.

Workers, and commands that check the system, don't start while there is an error. What needs a server
to answer has the tag `database`: `manage.py migrate` and `check --database default` ask for it.
"""

import difflib
from collections import defaultdict
from itertools import permutations
from typing import Any
from urllib.parse import urlsplit

from celery import current_app
from celery.app.routes import MapRoute
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning

from project.broker import SPARE_SECONDS, is_amqp
from project.deployment import unknown_variables
from project.profiles import ProfileRow
from project.servers.running import Running
from project.topology import BROADCAST, DEAD, EVENTS, NAME, NOTICES, SUBSCRIPTION_PREFIX, UNROUTED

ANSWER_SECONDS = 3
OWN_NAMES = {DEAD, UNROUTED, EVENTS, BROADCAST, NOTICES}
KEEPS_EVERYTHING = "noeviction"


@register()
def unknown_names(**_: Any) -> list[CheckMessage]:
    return [
        CheckWarning(
            f"{name} is set, but nothing reads it.",
            hint=f"Did you mean {near}?" if near else "docs/configuration.md has every name.",
            id="switchyard.W001",
        )
        for name, near in unknown_variables().items()
    ]


@register()
def routes_lead_somewhere(**_: Any) -> list[CheckMessage]:
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    asked = {pattern: route["queue"] for pattern, route in settings.ROUTES.items()}
    asked["CELERY_TASK_DEFAULT_QUEUE"] = settings.CELERY_TASK_DEFAULT_QUEUE
    asked |= {f"the lane of notices {lane.headers}": lane.queue for lane in settings.NOTICE_LANES}
    return [
        Error(
            f"{where} leads to the queue {queue!r}, which does not exist.",
            hint=nearest(queue, names),
            id="switchyard.E001",
        )
        for where, queue in asked.items()
        if queue not in names
    ]


@register()
def jobs_end_in_time(**_: Any) -> list[CheckMessage]:
    """RabbitMQ takes a message that nobody acknowledged in time away from its worker."""
    timeout = settings.BROKER_ACK_TIMEOUT_SECONDS
    general = settings.CELERY_TASK_TIME_LIMIT
    own = {task.name: task.time_limit for task in current_app.tasks.values() if task.time_limit != general}
    return [
        Error(
            f"{where}: a job may run {f'{limit} s' if limit else 'for ever'}, but after {timeout} s "
            "RabbitMQ takes it away and runs it again.",
            hint=f"Allow at most {max(timeout - SPARE_SECONDS, 1)} s. For longer jobs raise consumer_timeout "
            "in rabbitmq.conf, and CELERY_BROKER_ACK_TIMEOUT to the same, in seconds: "
            f"{SPARE_SECONDS} more than the longest job.",
            id="switchyard.E002",
        )
        for where, limit in {"CELERY_TASK_TIME_LIMIT": general, **own}.items()
        if timeout and (limit is None or limit + SPARE_SECONDS > timeout)
    ]


@register()
def exchanges_can_delay(**_: Any) -> list[CheckMessage]:
    kinds = {(queue.exchange.name, queue.exchange.type) for queue in settings.CELERY_TASK_QUEUES}
    kinds.add((settings.CELERY_TASK_DEFAULT_EXCHANGE, settings.CELERY_TASK_DEFAULT_EXCHANGE_TYPE))
    return [
        Error(
            f"The exchange {name!r} is {kind}: RabbitMQ's delays work on topic exchanges alone, and "
            "workers would hold delayed jobs in the place of others.",
            hint="Make it a topic exchange in the settings.",
            id="switchyard.E003",
        )
        for name, kind in sorted(kinds)
        if kind != "topic"
    ]


@register()
def keys_are_distinct(**_: Any) -> list[CheckMessage]:
    keys = [(queue.name, queue.routing_key) for queue in settings.CELERY_TASK_QUEUES]
    names = {text for pair in keys for text in pair}
    names |= {route["routing_key"] for route in settings.ROUTES.values() if "routing_key" in route}
    bad = [f"{name!r} is no name of a-z, 0-9 and _." for name in sorted(names) if not NAME.fullmatch(name)]
    bad += [
        f"A job for the queue {first!r} would also reach {second!r}: their routing keys are "
        f"{key!r} and {other!r}."
        for (first, key), (second, other) in permutations(keys, 2)
        if key.endswith(f".{other}") or (key == other and first < second)
    ]
    hint = "Give each queue a name and a routing key of its own, without dots."
    return [Error(text, hint=hint, id="switchyard.E004") for text in bad]


@register()
def queue_names_are_free(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"The queue name {queue.name!r} is taken.",
            hint=f"{', '.join(sorted(OWN_NAMES))}, names that begin with celery or {SUBSCRIPTION_PREFIX} "
            "and those that end with _moving belong to Switchyard and Celery: choose another in "
            "CELERY_TASK_QUEUES.",
            id="switchyard.E005",
        )
        for queue in settings.CELERY_TASK_QUEUES
        if queue.name in OWN_NAMES
        or queue.name.startswith(("celery", SUBSCRIPTION_PREFIX))
        or queue.name.endswith("_moving")
    ]


@register()
def every_queue_has_workers(**_: Any) -> list[CheckMessage]:
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    found: list[CheckMessage] = [
        Error(
            f"The worker profile {row.name} names the queue {queue!r}, which does not exist.",
            hint=nearest(queue, names),
            id="switchyard.E007",
        )
        for row in settings.WORKER_PROFILES.values()
        for queue in row.queues
        if queue not in names
    ]
    read = {queue for row in in_use() for queue in row.queues_of(in_use(), names)}
    if unread := [name for name in names if name not in read]:
        found.append(
            Error(
                f"No worker profile in use reads {', '.join(unread)}: jobs there would never run.",
                hint="Add a profile to WORKER_SET, such as general, or a queue to one of WORKER_PROFILES.",
                id="switchyard.E008",
            )
        )
    return found


@register()
def time_limits_are_kept(**_: Any) -> list[CheckMessage]:
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    return [
        Error(
            f"The task {task} declares a time limit and may go to the queue {queue!r}, which the worker "
            f"profile {row.name} reads with the pool {row.pool}, which keeps none.",
            hint="Route it to another queue, or take that queue out of the profile.",
            id="switchyard.E009",
        )
        for row in in_use()
        for queue, task in beyond(row, row.queues_of(in_use(), names))
    ]


def in_use() -> list[ProfileRow]:
    return [settings.WORKER_PROFILES[name] for name in settings.WORKER_SET]


def beyond(row: ProfileRow, queues: list[str]) -> list[tuple[str, str]]:
    """The queues and tasks, by their names, whose own time limits the profile can't keep."""
    if row.ends_jobs:
        return []
    usual = (settings.CELERY_TASK_TIME_LIMIT, settings.CELERY_TASK_SOFT_TIME_LIMIT)
    limited = [
        task
        for _name, task in sorted(current_app.tasks.items())
        if (task.time_limit, task.soft_time_limit) != usual
    ]
    return [(queue, task.name) for task in limited for queue in may_go_to(task) if queue in queues]


def may_go_to(task: Any) -> list[str]:
    """The queues that are known to get jobs of the task. What a router or a caller will say is not."""
    general = settings.CELERY_TASK_DEFAULT_QUEUE
    found = [(MapRoute(settings.ROUTES)(task.name) or {"queue": general})["queue"], settings.URGENT_QUEUE]
    if getattr(task, "queue_by", None):
        found.append(general)
    if getattr(task, "notice", None):
        found += [lane.queue for lane in settings.NOTICE_LANES]
    return list(dict.fromkeys(found))


@register(Tags.database)
def redis_keeps_everything(databases: object = None, **_: Any) -> list[CheckMessage]:
    """The databases of one Redis share its memory: what evicts cache entries evicts results too."""
    uses = {"results": settings.CELERY_RESULT_BACKEND, "state": settings.STATE_REDIS_URL}
    if not is_amqp(settings.CELERY_BROKER_URL):
        uses["messages"] = settings.CELERY_BROKER_URL
    servers: dict[str, dict[str, str]] = defaultdict(dict)
    for use, url in uses.items() if databases else ():
        servers[urlsplit(url).netloc.rpartition("@")[2]][use] = url
    return [message for server, urls in servers.items() for message in of_redis(server, urls)]


def of_redis(server: str, urls: dict[str, str]) -> list[CheckMessage]:
    from redis import Redis  # every command loads this module, hardly one asks Redis
    from redis.exceptions import RedisError

    what = f"The Redis at {server}, which keeps {' and '.join(urls)}"
    try:
        with Redis.from_url(next(iter(urls.values())), socket_connect_timeout=ANSWER_SECONDS) as redis:
            policy = redis.info("memory").get("maxmemory_policy")
    except RedisError as error:
        hint = "Its memory must not evict (maxmemory-policy noeviction): see that it answers INFO."
        return [CheckWarning(f"{what}, could not be asked: {error}", hint=hint, id="switchyard.W002")]
    if policy == KEEPS_EVERYTHING:
        return []
    hint = (
        f"Set maxmemory-policy {KEEPS_EVERYTHING} in its configuration. A cache that may evict needs a "
        "Redis of its own: CACHE_URL."
    )
    text = f"{what}, throws some of it away when its memory is full ({policy})."
    return [Error(text, hint=hint, id="switchyard.E006")]


def embedded_database_stopped() -> bool:
    """Whether the database that can't be reached is the one `manage.py up` brings."""
    return "postgres" in settings.EMBEDDED_SERVERS and not Running.read(settings.VAR_ROOT).alive("postgres")


def nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return (
        f"Did you mean {near[0]}?"
        if near
        else f"Queues are {', '.join(names)}; CELERY_TASK_QUEUES adds more."
    )
