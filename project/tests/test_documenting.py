import pytest
from dotenv import dotenv_values

from project.environment import BASE_DIR
from project.management.commands.configuration import FILES


@pytest.mark.parametrize("name", FILES)
def test_the_written_files_are_up_to_date(name: str) -> None:
    assert (BASE_DIR / name).read_text() == FILES[name](), "run manage.py configuration --write"


def test_the_example_sets_nothing_by_itself() -> None:
    assert dict(dotenv_values(BASE_DIR / ".env.example")) == {}
