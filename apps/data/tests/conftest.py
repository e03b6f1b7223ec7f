from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def media(settings: Any) -> str:
    """The folder where the worker process looks for files."""
    settings.MEDIA_ROOT = str(Path(settings.VAR_ROOT) / "media")
    return str(settings.MEDIA_ROOT)
