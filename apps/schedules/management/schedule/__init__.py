"""What `manage.py schedule` does beside its short verbs: with the code, and with files."""
