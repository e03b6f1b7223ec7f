import pytest


@pytest.fixture(autouse=True)
def clean_redis() -> None:
    """These tests read files: there is no server to clean."""
