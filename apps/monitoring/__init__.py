"""Health of the processes and servers.

Offers: /health/live (this process answers), /health/ready (its servers answer, migrations applied, the
ledger and the outbox are not behind, a beat is alive).
Reads: STATE_REDIS_URL, CELERY_BROKER_URL; by apps.jobs.backlog LEDGER_STREAM_MAX, by apps.schedules.condition
BEAT_ABSENT_SECONDS.
"""
