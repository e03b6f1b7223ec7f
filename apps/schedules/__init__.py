"""The timetable: schedules in words, their next runs, run now, on and off, and those shipped as code.

Owns: ShippedSchedule, the permissions to run, enable and disable, the admin of beat's five models.
Offers: `manage.py schedule`; the modules reading, rules, wording, forecasting, running,
    switching, shipping.
Listens to: nothing.
Reads: SHIPPED_SCHEDULES, CELERY_TASK_QUEUES, CELERY_TIMEZONE.
"""
