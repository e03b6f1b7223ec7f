"""The timetable: what fires when, schedules in words, their next runs, run now, on and off, as code.

Owns: Timing, Firing, Beat, Absence, Streak, ShippedSchedule, the permissions to run, pause and switch.
Offers: `manage.py schedule`; the modules reading, condition, rules, wording, forecasting, running,
    switching, shipping, documents, differences, checking, exporting, importing; events `schedule.*`.
Listens to: nothing.
Reads: SHIPPED_SCHEDULES, CELERY_TASK_QUEUES, CELERY_TIMEZONE, TIME_ZONE, SCHEDULE_*, BEAT_ABSENT_SECONDS.
"""
