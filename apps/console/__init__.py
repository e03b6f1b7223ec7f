"""The console: the pages that signed-in staff live in.

Owns: overview (/), job list and job pages (/jobs/), run forms (/run/).
Offers: the site frame's context, the template filters in templatetags/console.py.
Listens to: nothing; live parts poll.
Reads: ENVIRONMENT, FLOWER_URL, FLOWER_BASIC_AUTH, CELERY_TASK_QUEUES.
"""
