"""Health of the processes and servers.

Offers: /health/live (this process answers), /health/ready (its servers answer, migrations applied).
Reads: STATE_REDIS_URL, CELERY_BROKER_URL.
"""
