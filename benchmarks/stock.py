"""Stock Celery in a Django project, to compare with: `celery -A benchmarks.stock worker`, `beat`.

STOCK_RESULTS is "redis" or "django-db". The queue, acknowledgements, time and memory limits and the
connection's settings are those of Switchyard; everything about results is Celery's own.
"""

import os
from urllib.parse import urlsplit

import django
from celery import Celery
from django.conf import settings
from kombu import Exchange, Queue

DATABASE = urlsplit(os.environ["DATABASE_URL"])
REDIS = os.environ["REDIS_URL"].rpartition("/")[0]
QUEUE = "stock"

if not settings.configured:
    settings.configure(
        SECRET_KEY="x" * 50,
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django_celery_beat",
            "django_celery_results",
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "stock",
                "USER": DATABASE.username,
                "PASSWORD": DATABASE.password,
                "HOST": DATABASE.hostname,
                "PORT": DATABASE.port,
            }
        },
    )
os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.stock"
django.setup()

app = Celery("stock")
app.conf.update(
    broker_url=os.environ["CELERY_BROKER_URL"],
    result_backend="django-db" if os.environ.get("STOCK_RESULTS") == "django-db" else f"{REDIS}/9",
    result_extended=True,
    task_queues=[
        Queue(
            QUEUE,
            Exchange("tasks", type="topic"),
            routing_key=QUEUE,
            queue_arguments={
                "x-queue-type": "quorum",
                "x-dead-letter-exchange": "dead",
                "x-dead-letter-routing-key": QUEUE,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
    ],
    task_default_queue=QUEUE,
    task_default_exchange="tasks",
    task_default_exchange_type="topic",
    task_default_routing_key=QUEUE,
    task_create_missing_queues=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=300,
    task_soft_time_limit=240,
    worker_max_memory_per_child=400_000,
    broker_heartbeat=20,
    broker_transport_options={"confirm_publish": True, "read_timeout": 10, "write_timeout": 10},
    database_engine_options={},
    db_reuse_max=1000,
)


@app.task
def noop_task() -> None:
    """Does nothing."""
