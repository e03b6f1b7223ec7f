"""A user's own app that subscribes to events."""
