"""The examples of docs/testing.md run as they stand there: as a user's own app, without broker and Redis."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

EXAMPLE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NOWHERE = "127.0.0.1:9"
OWN = {
    "shop/__init__.py": "",
    "shop/post.py": "closed, jammed = False, 0\n",
    "shop_settings.py": "from project.settings import *\n\nINSTALLED_APPS = [*INSTALLED_APPS, 'shop']\n",
    "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = shop_settings\n",
}


@pytest.mark.slow
def test_the_examples_for_tests_pass(tmp_path: Path) -> None:
    examples = dict(EXAMPLE.findall((ROOT / "docs/testing.md").read_text()))
    assert len(examples) >= 6
    for name, text in (OWN | examples).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    servers = {
        "DATABASE_URL": f"{base}/shop",
        "CELERY_BROKER_URL": f"amqp://guest:guest@{NOWHERE}//",
        "REDIS_URL": f"redis://{NOWHERE}/0",
        "PYTHONPATH": str(ROOT),
    }
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env={**os.environ, **servers}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
    assert re.search(r"\b9 passed", found.stdout), found.stdout[-500:]
