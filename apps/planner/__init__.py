"""The timetable as people see and change it in the admin.

Owns: the admin of beat's five models, its form and its actions.
Offers: nothing to other apps.
Listens to: nothing.
Reads: CELERY_TASK_QUEUES, CELERY_TIMEZONE, TIME_ZONE.
"""
