"""How long the timetable's history is kept."""

from apps.jobs.retention import RetentionPolicy

POLICIES = [
    RetentionPolicy("firings of schedules", "schedules.Firing", "decided_at", keep_days=30),
    RetentionPolicy("beats that are gone", "schedules.Beat", "ticked_at", keep_days=30),
    RetentionPolicy("absences of beat", "schedules.Absence", "ended_at", keep_days=90),
]
