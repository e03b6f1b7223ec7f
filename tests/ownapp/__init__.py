"""A user's own app: plain tasks, nothing of ours but the line in INSTALLED_APPS."""
