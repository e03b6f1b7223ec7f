#!/usr/bin/env python
"""Django's command line for Switchyard."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError:
        from project.checks import embedded_database_stopped

        if not embedded_database_stopped():
            raise
        sys.exit("The embedded servers are not running. Start them in another terminal: make run")


if __name__ == "__main__":
    main()
