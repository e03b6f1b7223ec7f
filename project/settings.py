"""Django's and Celery's settings, made from `project/config.py` and `project/topology.py`."""

import django_stubs_ext
from django.utils.translation import gettext_lazy as _

from project import broker, profiles, recurring, topology, unfold
from project.deployment import load
from project.environment import BASE_DIR
from project.logs import logging_settings
from project.urlparts import database_settings, email_settings

django_stubs_ext.monkeypatch()  # makes `ModelForm[Channel]` mean something at run time too

deployment = load()
app, celery, flower = deployment.app, deployment.celery, deployment.flower

# --- Django -------------------------------------------------------------------------------------
ENVIRONMENT = app.environment
DEBUG = app.debug
SECRET_KEY = deployment.secret_key
SECRET_KEY_FALLBACKS = app.secret_key_fallbacks
ALLOWED_HOSTS = app.allowed_hosts
CSRF_TRUSTED_ORIGINS = app.csrf_trusted_origins
SITE_URL = app.site_url
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "project",
    "apps.jobs",
    "apps.gate",
    "apps.batches",
    "apps.canvas",
    "apps.running",
    "apps.recorder",
    "apps.ledger",
    "apps.messaging",
    "apps.schedules",
    "apps.planner",
    "apps.console",
    "apps.monitoring",
    "apps.email",
    "apps.data",
    "apps.report",
    "apps.notification",
    "apps.cleanup",
    # Your own apps go here, one line each.
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin.apps.SimpleAdminConfig",  # urls.py loads the admin, so workers need not
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_celery_beat",
    "django_celery_results",
    "django_htmx",
    "django_structlog",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.console.context.site",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "console:home"

DATABASES = {"default": database_settings(deployment.database_url)}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": deployment.cache_url,
        "KEY_PREFIX": "switchyard",
        # Django's own serializer is pickle: whoever can write to that Redis could then run code.
        "OPTIONS": {"serializer": "apps.jobs.serializing.JsonSerializer"},
    }
}
STATE_REDIS_URL = deployment.state_url

LANGUAGE_CODE = app.language_code
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = app.time_zone
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = deployment.var / "static" if deployment.production else None
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = not deployment.production
MEDIA_ROOT = app.media_root or str(deployment.var / "media")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if deployment.production
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
IMPORT_MAX_BYTES = app.import_max_megabytes * 1024 * 1024
IMPORT_LARGE_BYTES = app.import_large_kilobytes * 1000
WEBHOOK_SECRET = deployment.webhook_secret
WEBHOOK_ALLOWED_HOSTS = app.webhook_allowed_hosts
FAILURE_NOTICES_TO = app.failure_notices_to
SYNC_ALLOWED_HOSTS = app.sync_allowed_hosts

DEFAULT_FROM_EMAIL = SERVER_EMAIL = app.default_from_email
for name, value in email_settings(app.email_url, deployment.var / "mail").items():
    globals()[name] = value

if deployment.production:
    SECURE_SSL_REDIRECT = app.secure_ssl_redirect
    SECURE_REDIRECT_EXEMPT = [r"^health/"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

LOGGING = logging_settings(app, celery)

# --- Switchyard ---------------------------------------------------------------------------------
EMBEDDED_SERVERS = deployment.embedded_servers
VAR_ROOT = deployment.var
RETRY_LIMIT = celery.task_max_retries
RETRY_DELAY_SECONDS = celery.task_retry_delay
RETRY_BACKOFF = celery.task_retry_backoff
RETRY_DELAY_MAX_SECONDS = celery.task_retry_backoff_max
RETRY_WITHIN_SECONDS = celery.task_retry_within
JOB_GATE = "apps.gate.asking.GateKeeper"
LEDGER_STREAM_MAX = app.ledger_stream_max
LEDGER_DOCUMENT_MAX_BYTES = app.ledger_document_max_bytes
# Longer delays wait in PostgreSQL. Without native delays a worker holds the job until its time.
BROKER_DELAY_MAX_SECONDS = 86_400 if broker.is_amqp(deployment.broker_url) else 10
RELAY_GRACE_SECONDS = app.relay_grace_seconds
RECORDER_BATCH = app.recorder_batch
RECORDER_PAUSE_SECONDS = app.recorder_pause_milliseconds / 1000
WORKER_LOST_SECONDS = app.worker_lost_seconds
CANCEL_GRACE_SECONDS = app.cancel_grace_seconds
SWEEP_AFTER_SECONDS = app.sweep_after_seconds
SCHEDULE_LATE_SECONDS = app.schedule_late_seconds
SCHEDULE_FAILING_COUNT = app.schedule_failing_count
BEAT_ABSENT_SECONDS = app.beat_absent_seconds
TASK_STRICT = celery.task_strict
JOB_ARGUMENTS_MAX_BYTES = app.job_arguments_max_bytes
REDACTED_NAMES = tuple(app.redacted_names)
UNKNOWN_TASK_RETRY_SECONDS = app.unknown_task_retry_seconds
DEAD_QUEUE, UNROUTED_QUEUE = topology.DEAD, topology.UNROUTED
URGENT_QUEUE, URGENT_PRIORITY_MAX = topology.URGENT, topology.URGENT_PRIORITY_MAX
EVENT_EXCHANGE, BROADCAST_EXCHANGE = topology.EVENTS, topology.BROADCAST
SUBSCRIPTION_PREFIX = topology.SUBSCRIPTION_PREFIX
# For apps, which import nothing of the project.
QUEUE_INSPECTOR, QUEUE_REMOVER = "project.inspecting.inspect", "project.inspecting.remove"
PUBLISHER_EXCHANGES = broker.publisher_exchanges(deployment.broker_url)
NOTICES_EXCHANGE = broker.notices_exchange(deployment.broker_url)
NOTICE_LANES = topology.expand_lanes()
OTHER_CHANNEL = topology.OTHER_CHANNEL
ROUTES = topology.expand_routes(celery.task_routes)
JOB_ROUTERS = [*app.job_routers, *topology.ROUTERS]
WORKER_PROFILES = profiles.expand_profiles(app.worker_profiles)
WORKER_SET = tuple(dict.fromkeys(app.worker_set))
PUBLISH_OPTIONS = broker.publish_options(deployment.broker_url)
BROKER_MANAGEMENT_URL = celery.broker_management_url
BROKER_ACK_TIMEOUT_SECONDS = broker.acknowledgement_timeout(deployment.broker_url, celery.broker_ack_timeout)
QUEUE_DELIVERY_LIMIT = celery.queue_delivery_limit
QUEUE_MAX_BYTES = celery.queue_max_megabytes * 1_000_000

SHIPPED_SCHEDULES = recurring.SCHEDULES
UNFOLD = unfold.UNFOLD

FLOWER_PORT = flower.port
FLOWER_ADDRESS = flower.address
FLOWER_URL_PREFIX = flower.url_prefix.strip("/")
FLOWER_URL = deployment.flower_url
FLOWER_BASIC_AUTH = deployment.flower_basic_auth

# --- Celery: names and reasons in docs/configuration.md ------------------------------------------
CELERY_BROKER_URL = deployment.broker_url
# Not the limit of this worker alone: with a shorter time-out it would run jobs of the others a second time.
CELERY_BROKER_TRANSPORT_OPTIONS = broker.transport_options(deployment.broker_url, celery.task_time_limit)
CELERY_BROKER_HEARTBEAT = celery.broker_heartbeat
CELERY_BROKER_CONNECTION_TIMEOUT = celery.broker_connection_timeout
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BROKER_POOL_LIMIT = celery.broker_pool_limit
CELERY_BROKER_POOL_ACQUIRE_TIMEOUT = celery.broker_pool_acquire_timeout
CELERY_BROKER_NATIVE_DELAYED_DELIVERY_QUEUE_TYPE = "quorum"

CELERY_RESULT_BACKEND = deployment.result_url
CELERY_RESULT_BACKEND_ALWAYS_RETRY = True
CELERY_RESULT_BACKEND_MAX_SLEEP_BETWEEN_RETRIES_MS = 2000
CELERY_RESULT_EXPIRES = celery.result_expires or None
CELERY_RESULT_FAILURE_EXPIRES = celery.result_failure_expires
CELERY_RESULT_CHORD_EXPIRES = celery.result_chord_expires
CELERY_RESULT_EXTENDED = celery.result_extended
CELERY_RESULT_SERIALIZER = celery.result_serializer
CELERY_REDIS_SOCKET_TIMEOUT = 10
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 3
CELERY_REDIS_SOCKET_KEEPALIVE = True
CELERY_REDIS_RETRY_ON_TIMEOUT = True
CELERY_REDIS_BACKEND_HEALTH_CHECK_INTERVAL = 30

CELERY_TASK_SERIALIZER = celery.task_serializer
CELERY_ACCEPT_CONTENT = CELERY_RESULT_ACCEPT_CONTENT = celery.accept_content
CELERY_TIMEZONE = celery.timezone
CELERY_ENABLE_UTC = celery.enable_utc
CELERY_TASK_TIME_LIMIT = celery.hard_time_limit
CELERY_TASK_SOFT_TIME_LIMIT = celery.soft_time_limit
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_ACKS_ON_FAILURE = CELERY_TASK_ACKS_ON_TIMEOUT = True
CELERY_TASK_TRACK_STARTED = celery.task_track_started
CELERY_TASK_SEND_SENT_EVENT = celery.task_send_sent_event
CELERY_TASK_REPR_MAXLEVELS = 2
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1, "interval_start": 0, "interval_step": 0.5, "interval_max": 1,
}  # fmt: skip

CELERY_TASK_QUEUES = [
    broker.work_queue(row, deployment.broker_url) for row in topology.expand_queues(celery.task_queues)
]
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_DEFAULT_QUEUE = celery.task_default_queue
CELERY_TASK_DEFAULT_EXCHANGE = topology.TASKS
CELERY_TASK_DEFAULT_EXCHANGE_TYPE = "topic"
CELERY_TASK_DEFAULT_ROUTING_KEY = celery.task_default_routing_key
CELERY_TASK_ROUTES = ["apps.jobs.routing.route"]

CELERY_WORKER_CONSUMER = "apps.jobs.consuming:CarefulConsumer"
CELERY_WORKER_CONCURRENCY = celery.worker_concurrency
CELERY_WORKER_PREFETCH_MULTIPLIER = celery.worker_prefetch_multiplier
CELERY_WORKER_MAX_TASKS_PER_CHILD = celery.worker_max_tasks_per_child
CELERY_WORKER_MAX_MEMORY_PER_CHILD = celery.worker_max_memory_per_child
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = celery.worker_soft_shutdown_timeout
# Without native delays, jobs that wait for their time are in the worker and have to be handed back.
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = not broker.is_amqp(deployment.broker_url)
CELERY_WORKER_ETA_TASK_LIMIT = 100
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 30
CELERY_WORKER_SEND_TASK_EVENTS = celery.worker_send_task_events
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# The start script refuses what has succeeded; Celery would leave such a member out of its chord.
CELERY_WORKER_DEDUPLICATE_SUCCESSFUL_TASKS = False
CELERY_DB_REUSE_MAX = 1000

CELERY_BEAT_SCHEDULER = "apps.schedules.scheduler:Timetable"
DJANGO_CELERY_BEAT_TZ_AWARE = True
