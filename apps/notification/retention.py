"""How long notifications are kept; their deliveries go with them."""

from apps.jobs.retention import RetentionPolicy

POLICIES = [
    RetentionPolicy("notifications", model="notification.Notification", timestamp="created", keep_days=90)
]
