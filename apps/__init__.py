"""The Django apps of Switchyard. Always import them as `apps.NAME`."""
