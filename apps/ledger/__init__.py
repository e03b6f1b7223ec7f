"""What people see of the ledger and do with it, apart from the console.

Owns: the admin of jobs, dead letters, workers, effects, events, subscriptions and of Celery's own results;
    `manage.py job`, the report on jobs.
Offers: nothing to other apps.
Listens to: nothing.
Reads: nothing.
"""
