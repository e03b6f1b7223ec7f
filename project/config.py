"""Every environment variable: typed, bounded, described. Nothing else reads the environment.

A variable may be given as NAME, or as NAME_FILE: the path of a file that holds the value.
docs/configuration.md is made from this file by `manage.py configuration`.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from project import values
from project.environment import Section
from project.profiles import IN_USE, expand_profiles


class AppConfig(Section):
    """The site, its servers and its secrets."""

    environment: Literal["development", "production"] = Field(
        "development", description="production demands every secret and server by name"
    )
    debug: bool = Field(False, description="Django's debug pages; refused in production")
    secret_key: str | None = Field(
        None, min_length=50, description="signs sessions and tokens; made under var/ in development"
    )
    secret_key_fallbacks: values.Words = Field([], description="old secret keys still accepted")
    allowed_hosts: values.Words = Field(
        ["localhost", "127.0.0.1", "[::1]"], description="host names the site answers to"
    )
    csrf_trusted_origins: values.Words = Field([], description="origins such as https://jobs.example.com")
    site_url: str = Field("", description="address of the site for links in mail; empty: none")
    database_url: values.DatabaseUrl | None = Field(
        None, description="PostgreSQL; unset: the embedded server"
    )
    redis_url: values.RedisUrl | None = Field(
        None,
        description="Redis for state; its databases 0, 1, 2 are cache, results, locks; "
        "unset: the server of CELERY_RESULT_BACKEND, else the embedded one",
    )
    cache_url: values.RedisUrl | None = Field(
        None, description="a second Redis for the cache alone (production: LRU); unset: database 0"
    )
    email_url: values.EmailUrl | None = Field(
        None,
        description="smtp://user:password@host:port, smtp+tls:// for STARTTLS, smtps://, "
        "console:// or file:///folder; unset: .eml files under var/mail",
    )
    default_from_email: str = Field("Switchyard <switchyard@localhost>", description="sender of mail")
    webhook_secret: str | None = Field(
        None, min_length=16, description="signs outgoing webhooks; made under var/ in development"
    )
    var_root: str = Field("", description="folder of everything made at run time; empty: var")
    webhook_allowed_hosts: values.Words = Field(
        [], description="hosts inside the network that webhooks may reach"
    )
    failure_notices_to: values.Words = Field(
        [],
        description="users, mail addresses or channels that are notified when a job fails for good, "
        "at most once an hour for each task",
    )
    sync_allowed_hosts: values.Words = Field(
        [], description="hosts inside the network that imports may fetch from"
    )
    media_root: str = Field("", description="folder of uploads and reports; empty: var/media")
    import_max_megabytes: int = Field(200, ge=1, le=10_000, description="largest file an import takes")
    import_large_kilobytes: int = Field(
        1000, ge=0, description="a file of so much is imported in queue data, a smaller one in the default"
    )
    job_arguments_max_bytes: int = Field(
        65_536, ge=1024, le=1_048_576, description="largest JSON of all the arguments of one job"
    )
    job_routers: values.Words = Field(
        [], description="your own routers, as dotted names such as shop.routers.ByTenant, asked in this order"
    )
    worker_profiles: values.Profiles = Field(
        {},
        description='changes to the worker profiles, and further ones: {"io": {"concurrency": 32}, "video": '
        '{"queues": ["video"]}}; also WORKER_PROFILES__IO__CONCURRENCY=32',
    )
    worker_set: values.Words = Field(
        list(IN_USE), min_length=1, description="profiles in use, one worker each; they read every queue"
    )
    redacted_names: values.Words = Field(
        [
            "password", "passwd", "pwd", "passphrase", "secret", "token", "jwt", "api_key", "access_key",
            "private_key", "authorization", "credential", "cookie", "session",
        ],
        description="words in names of arguments whose values are hidden from people: api_key also hides "
        "apiKey, X-Api-Key and old_api_keys",
    )  # fmt: skip
    language_code: str = Field("en", description="default language of the pages")
    time_zone: values.Zone = Field("UTC", description="zone in which pages show times")
    log_format: Literal["text", "json"] = Field("text", description="json: one object a line")
    log_level: values.LogLevel = Field("INFO", description="lowest level that web logs")
    ledger_stream_max: int = Field(
        1_000_000, ge=1000, description="entries the stream holds while no recorder runs; the oldest go first"
    )
    ledger_document_max_bytes: int = Field(
        65_536, ge=1024, le=1_000_000, description="largest outcome the ledger keeps whole, as Redis does"
    )
    relay_grace_seconds: int = Field(
        5, ge=0, le=300, description="a job not published after so long is published by the recorder"
    )
    recorder_batch: int = Field(1000, ge=1, le=10_000, description="entries a recorder writes at once")
    recorder_pause_milliseconds: int = Field(
        100, ge=0, le=1000, description="pause of a recorder after a small batch, so that the next is larger"
    )
    worker_lost_seconds: float = Field(
        30, ge=2, le=3600, description="a worker without a heartbeat for so long is lost, its jobs with it"
    )
    cancel_grace_seconds: float = Field(
        30, ge=0, le=3600, description="a running job that was asked to end is killed after so long"
    )
    sweep_after_seconds: int = Field(
        300,
        ge=1,
        le=86_400,
        description="a job that no worker holds and no queue has for so long is sent again; keep it long",
    )
    unknown_task_retry_seconds: int = Field(
        1800,
        ge=0,
        le=86_400,
        description="how long a task that no worker knows is tried again, as during a deployment; 0: not",
    )
    schedule_late_seconds: int = Field(
        60, ge=5, le=86_400, description="a schedule that is due for so long and has not fired is late"
    )
    schedule_failing_count: int = Field(
        3, ge=2, le=100, description="failed jobs in a row after which a schedule fails again and again"
    )
    beat_absent_seconds: int = Field(
        60,
        ge=5,
        le=86_400,
        description="beat is absent after so long without a sign of life, while a schedule is enabled",
    )
    secure_ssl_redirect: bool = Field(
        True, description="in production, send http requests to https (health checks excepted)"
    )

    @model_validator(mode="after")
    def profiles_in_use_exist(self) -> "AppConfig":
        known = expand_profiles(self.worker_profiles)
        if unknown := set(self.worker_set) - set(known):
            raise ValueError(f"WORKER_SET: expected some of {', '.join(known)}, got {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def production_is_complete(self) -> "AppConfig":
        if self.environment == "production":
            needed = ("secret_key", "webhook_secret", "database_url", "redis_url")
            missing = [name.upper() for name in needed if not getattr(self, name)]
            if "allowed_hosts" not in self.model_fields_set:
                missing.append("ALLOWED_HOSTS")
            if missing:
                raise ValueError(f"ENVIRONMENT=production: {', '.join(missing)} must be set")
            if self.debug:
                raise ValueError("DEBUG: expected false when ENVIRONMENT=production")
        return self


class CeleryConfig(Section):
    """Celery's settings. Where a default differs from Celery's, docs/configuration.md says why."""

    model_config = SettingsConfigDict(env_prefix="CELERY_")

    broker_url: values.BrokerUrl | None = Field(
        None, description="amqp://user:password@host:port/vhost; unset: the embedded Valkey"
    )
    broker_management_url: Annotated[str, values.url("http", "https")] | None = Field(
        None,
        description="http://user:password@host:15672, RabbitMQ's management API, for `manage.py topology`; "
        "unset: the broker's host and user",
    )
    broker_ack_timeout: values.SecondsOrNone = Field(
        1800,
        description="consumer_timeout of your RabbitMQ, in seconds: it takes a job that runs longer away "
        "from its worker; none: it has none",
    )
    broker_heartbeat: int = Field(20, ge=0, le=600, description="seconds between broker heartbeats")
    broker_connection_timeout: values.Seconds = Field(4, description="seconds to reach the broker")
    broker_pool_limit: int = Field(10, ge=1, le=1000, description="connections kept open to publish")
    broker_pool_acquire_timeout: values.Seconds = Field(
        10, description="seconds to wait for a free connection before an error"
    )
    result_backend: values.RedisUrl | None = Field(
        None, description="redis://:password@host:port/1; unset: database 1 of REDIS_URL"
    )
    task_serializer: values.Serializer = Field("json", description="json only: others can run code")
    result_serializer: values.Serializer = Field("json", description="json only")
    accept_content: values.Serializers = Field(["json"], description="json only")
    timezone: values.Zone = Field("UTC", description="zone of schedules that name none")
    enable_utc: bool = Field(True, description="messages carry UTC times")
    result_expires: int = Field(86400, ge=0, description="seconds a result stays in Redis; 0: for ever")
    result_failure_expires: values.Seconds = Field(7 * 86400, description="the same for failures")
    result_chord_expires: values.Seconds = Field(3 * 86400, description="the same for chord counters")
    result_extended: bool = Field(True, description="results carry task name and arguments")
    task_max_retries: int = Field(3, ge=0, le=1000, description="retries after the first try")
    task_retry_delay: values.Seconds = Field(60, description="seconds before the first retry")
    task_retry_backoff: bool | Literal["jitter"] = Field(
        True, description="true: the delay doubles each time; jitter: also random; false: fixed"
    )
    task_retry_backoff_max: values.Seconds = Field(600, description="longest delay in seconds")
    task_retry_within: values.SecondsOrNone = Field(
        None, description="seconds after its submission in which a job is retried; none: no limit"
    )
    task_time_limit: values.SecondsOrNone = Field(
        300, description="seconds after which a job is killed; none: no limit"
    )
    task_soft_time_limit: values.SecondsOrNone = Field(
        240,
        description="seconds after which SoftTimeLimitExceeded is raised in the job; "
        "unset: 80 % of the hard limit",
    )
    task_strict: bool = Field(True, description="submitting a task that nobody registered is an error")
    task_send_sent_event: bool = Field(True, description="tell Flower of each submitted job")
    task_track_started: bool = Field(True, description="record when a job starts")
    task_default_queue: values.QueueName = Field("default", description="queue of unrouted tasks")
    task_default_routing_key: values.QueueName = Field("default", description="its routing key")
    queue_delivery_limit: int = Field(
        20, ge=1, le=1000, description="deliveries again after which a message goes to the queue dead"
    )
    queue_max_megabytes: int = Field(
        2000, ge=1, le=1_000_000, description="size at which a queue refuses further messages"
    )
    task_queues: values.Queues = Field(
        [], description='queues beside those in the topology: [{"name": "video"}]; also "type": "classic"'
    )
    task_routes: values.Routes = Field(
        {},
        description='before those of project/topology.py: {"shop.*": {"queue": "data"}}; '
        "also CELERY_TASK_ROUTES__SHOP__QUEUE=data",
    )
    worker_concurrency: int = Field(4, ge=1, le=1000, description="jobs a worker runs at once")
    worker_prefetch_multiplier: int = Field(
        1, ge=1, le=1000, description="messages a worker holds for each process; 1 loses least"
    )
    worker_max_tasks_per_child: values.CountOrNone = Field(
        500, description="jobs after which a worker process is replaced"
    )
    worker_max_memory_per_child: values.CountOrNone = Field(
        400_000, description="kilobytes after which a worker process is replaced"
    )
    worker_task_time_limit: values.SecondsOrNone = Field(
        None, description="caps CELERY_TASK_TIME_LIMIT on the workers that set it"
    )
    worker_soft_shutdown_timeout: float = Field(
        25, ge=0, le=3600, description="seconds running jobs get to finish when a worker stops"
    )
    worker_send_task_events: bool = Field(True, description="workers send events for Flower")
    worker_log_level: values.LogLevel = Field("INFO", description="lowest level that workers log")
    worker_log_received: bool = Field(
        False, description="log each job that a worker receives, not only how it ended"
    )
    worker_log_format: str = Field(
        "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s", description="of worker lines"
    )
    worker_task_log_format: str = Field(
        "[%(asctime)s: %(levelname)s/%(processName)s] [%(task_name)s(%(task_id)s)] %(message)s",
        description="of lines that jobs log",
    )

    @model_validator(mode="after")
    def soft_limit_comes_first(self) -> "CeleryConfig":
        hard, soft = self.hard_time_limit, self.task_soft_time_limit
        if hard and soft and soft >= hard and "task_soft_time_limit" in self.model_fields_set:
            raise ValueError(
                f"CELERY_TASK_SOFT_TIME_LIMIT: expected less than the hard limit of {hard} s, got {soft}"
            )
        return self

    @property
    def hard_time_limit(self) -> int | None:
        limits = [limit for limit in (self.task_time_limit, self.worker_task_time_limit) if limit]
        return min(limits, default=None)

    @property
    def soft_time_limit(self) -> int | None:
        """As given; otherwise 80 % of the hard limit, so that a job can clean up before it is killed."""
        if "task_soft_time_limit" in self.model_fields_set or not self.hard_time_limit:
            return self.task_soft_time_limit
        return max(1, self.hard_time_limit * 4 // 5)


class FlowerConfig(Section):
    """Flower, started by `manage.py flower`."""

    model_config = SettingsConfigDict(env_prefix="FLOWER_")

    port: values.Port = Field(5555, description="port it listens on")
    address: str = Field("127.0.0.1", description="address it binds; keep it private")
    url: str = Field("", description="address under which people reach it, for the link in the pages")
    url_prefix: str = Field("", description="path when it sits behind a proxy, such as flower")
    basic_auth: values.Credentials | None = Field(
        None, description="name:password, several with commas; made under var/ in development"
    )
