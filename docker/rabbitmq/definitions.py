"""RabbitMQ's users, rights and policies: one virtual host, one user for each role.

Rights are three patterns: what a user may configure (declare, delete), write (publish to, bind) and
read (consume, bind from). tests/docker/test_rabbitmq_rights.py shows each role at its work, and that
it can do no more. Python's standard library alone, as make_secrets.py runs on the host.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

VHOST = "switchyard"
DAY_IN_MILLISECONDS = 86_400_000
GIGABYTE = 1_000_000_000

# The names of project/topology.py have no dot, and Celery's own begin with "celery" or have one.
# The exchange `tasks` and every work queue.
WORK = "(?!dead$|unrouted$|celery|events$|events_|broadcast$|notices$)[a-z0-9_]+"
TASKS, NOTICES = "tasks", "notices"
FACTS, SUBSCRIPTIONS = "events", "events_[a-z0-9_]+"
BROADCAST = "broadcast"
LISTENER = r"broadcast\.[0-9a-f]+"  # a process's own queue of broadcasts
DEAD, UNROUTED = "dead", "unrouted"
DELAYS = "celery_delayed_(delivery|[0-9]+)"
DELAY_ENTRY = "celery_delayed_27"  # where a publisher hands in a delayed message
EVENTS = "celeryev"
EVENT_QUEUE = r"celeryev\.[a-z0-9-]+"
CONTROL = r"celery\.pidbox"  # carries `inspect`, `revoke` and the like to the workers
REPLIES = r"reply\.celery\.pidbox"
REPLY_QUEUE = r"[a-z0-9-]+\.reply\.celery\.pidbox"
MAILBOX = r"[^@]+@.+\.celery\.pidbox"  # a worker's own queue of control messages


def only(*patterns: str) -> str:
    return f"^({'|'.join(patterns)})$"


ASKING = (CONTROL, REPLIES, REPLY_QUEUE)  # needed to send control messages and hear the answers

# role: (configure, write, read)
RIGHTS = {
    # `manage.py topology`, at the start of each deployment.
    "topology": (".*", ".*", ".*"),
    # The site and beat: they publish, and neither make a queue nor read a job.
    "web": (
        only(EVENTS, *ASKING),
        only(TASKS, NOTICES, BROADCAST, EVENTS, DELAY_ENTRY, *ASKING),
        only(REPLIES, REPLY_QUEUE),
    ),
    "worker": (
        only(WORK, DELAYS, EVENTS, CONTROL, MAILBOX, REPLIES, LISTENER),
        only(WORK, NOTICES, BROADCAST, DELAYS, EVENTS, MAILBOX, REPLIES, LISTENER),
        only(WORK, DELAYS, CONTROL, MAILBOX, BROADCAST, LISTENER),
    ),
    # It publishes what others left behind, keeps what could not be delivered, and counts what waits in
    # the work queues, which takes no right. It sends events and takes those of subscriptions. It can neither
    # take a job from its queue nor make one.
    "recorder": (
        only(EVENTS, LISTENER),
        only(TASKS, NOTICES, FACTS, BROADCAST, EVENTS, DELAY_ENTRY, LISTENER),
        only(DEAD, UNROUTED, SUBSCRIPTIONS, BROADCAST, LISTENER),
    ),
    # Flower and `celery inspect`; also the person who looks at the management pages.
    "monitor": (
        only(EVENTS, EVENT_QUEUE, *ASKING),
        only(EVENT_QUEUE, *ASKING),
        only(EVENTS, EVENT_QUEUE, REPLIES, REPLY_QUEUE),
    ),
}
# The topology user keeps the policies too, by the management API.
TAGS = {"topology": ["policymaker"], "monitor": ["monitoring"]}

# In force before anything publishes. From then on `manage.py topology` keeps them, by the settings;
# they are the same as in project/rabbitmq/policies.py, which says why.
# No alternate exchange on `tasks`: publishers ask for mandatory routing, and a message that an
# alternate exchange takes counts as routed, so a wrong route would no longer be an error.
POLICIES: tuple[dict[str, Any], ...] = (
    {
        "name": "work",
        "pattern": only(WORK, SUBSCRIPTIONS),
        "apply-to": "queues",
        "definition": {
            "delivery-limit": 20,
            "max-length-bytes": 2 * GIGABYTE,
            # RabbitMQ 4.3: a job that took its worker down waits before it is tried again.
            "delayed-retry-type": "failed",
            "delayed-retry-min": 5_000,
            "delayed-retry-max": 300_000,
        },
    },
    {
        "name": "dead",
        "pattern": "^dead$",
        "apply-to": "queues",
        "definition": {
            "message-ttl": 14 * DAY_IN_MILLISECONDS,
            "max-length-bytes": GIGABYTE,
            "overflow": "reject-publish",
        },
    },
    {
        # Without it, delayed messages that no queue is bound for would hold up all the others.
        "name": "unrouted",
        "pattern": "^celery_delayed_delivery$",
        "apply-to": "exchanges",
        "definition": {"alternate-exchange": "unrouted"},
    },
)


def definitions(passwords: Mapping[str, str]) -> dict[str, Any]:
    """What `rabbitmqctl import_definitions` takes. `passwords` has one for each role."""
    return {
        "vhosts": [{"name": VHOST}],
        "users": [user(role, passwords[role]) for role in RIGHTS],
        "permissions": [
            {"user": role, "vhost": VHOST, "configure": configure, "write": write, "read": read}
            for role, (configure, write, read) in RIGHTS.items()
        ],
        "policies": [{"vhost": VHOST, "priority": 10, **policy} for policy in POLICIES],
    }


def user(role: str, password: str) -> dict[str, Any]:
    return {
        "name": role,
        "password_hash": password_hash(role, password),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": TAGS.get(role, []),
    }


def password_hash(role: str, password: str) -> str:
    """RabbitMQ's own form: four bytes of salt, then SHA-256 of salt and password.

    The salt is derived, so the same passwords make the same file and the broker sees no change.
    """
    salt = hashlib.sha256(f"{role}\n{password}".encode()).digest()[:4]
    return b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
