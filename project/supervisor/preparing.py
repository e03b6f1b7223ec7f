"""Runs the preparations one after the other in one process: Django loads once, not four times.

`python -m project.supervisor.preparing`. Prints what is for the user; on a failure, what the
failed command said, and exits with 1.
"""

import io
import sys
import traceback

import django
from django.core.management import CommandError, call_command

from project.supervisor.programs import PREPARATIONS, SHOWN


def main() -> int:
    django.setup()
    return next((1 for words in PREPARATIONS if not prepare(words)), 0)


def prepare(words: tuple[str, ...]) -> bool:
    said = io.StringIO()
    try:
        call_command(*words, stdout=said, stderr=said)
    except SystemExit as leaving:
        succeeded = not leaving.code
    except CommandError as error:
        said.write(f"{error}\n")
        succeeded = False
    except Exception:  # noqa: BLE001 - whatever it was, the user must see which command it ended
        said.write(traceback.format_exc())
        succeeded = False
    else:
        succeeded = True
    if not succeeded:
        sys.stdout.write(f"manage.py {' '.join(words)} failed:\n")
    if not succeeded or words[0] in SHOWN:
        sys.stdout.write(said.getvalue())
    return succeeded


if __name__ == "__main__":
    sys.exit(main())
