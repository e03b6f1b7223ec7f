"""What `manage.py job` does, one module for each of its actions."""
