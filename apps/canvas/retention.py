"""How long chords are kept."""

from apps.jobs.retention import RetentionPolicy

POLICIES = [RetentionPolicy("chords", "canvas.Chord", "settled_at", keep_days=90)]
