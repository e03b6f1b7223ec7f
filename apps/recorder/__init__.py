"""The other half of the engine: the process, or several, that keeps the ledger.

Owns: the five duties in `duties`: record the stream, relay the outbox, keep dead letters, sweep, and watch
    what other apps want watched; it also runs their standing duties (apps.jobs.duties).
Offers: `manage.py recorder`.
Listens to: the stream in Redis, the outbox's channel in PostgreSQL, the dead queues, workers' heartbeats.
Reads: RECORDER_*, RELAY_GRACE_SECONDS, LEDGER_STREAM_MAX, DEAD_QUEUE, UNROUTED_QUEUE,
    UNKNOWN_TASK_RETRY_SECONDS, WORKER_LOST_SECONDS, SWEEP_AFTER_SECONDS.
"""
