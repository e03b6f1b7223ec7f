"""Runs the platform on one machine: what `manage.py up` does.

Owns var/up.lock, and the URLs of the web and Flower in var/embedded.json. Offers Supervisor, Child
and up(). Listens to SIGINT, SIGTERM, SIGHUP. programs.py is the table of what is run.
Reads EMBEDDED_SERVERS, VAR_ROOT, CELERY_TASK_QUEUES, URGENT_QUEUE,
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT, FLOWER_ADDRESS, FLOWER_PORT, FLOWER_URL_PREFIX.
"""
