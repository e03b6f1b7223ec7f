"""Which tasks exist, and what they are called."""

import pytest
from celery import current_app

from apps.jobs import catalog
from apps.jobs.errors import UnknownTask
from apps.jobs.tests.sample_tasks import add_task

ADD = "apps.jobs.tests.sample_tasks.add_task"


def test_the_catalog_has_our_tasks_and_not_celerys_own() -> None:
    known = catalog.tasks()
    assert known[ADD].name == add_task.name
    assert "celery.backend_cleanup" in current_app.tasks
    assert not [name for name in known if name.startswith("celery.")]
    assert list(known) == sorted(known)


def test_a_task_is_found_by_its_name() -> None:
    assert catalog.find(ADD).name == ADD


def test_the_nearest_name_is_offered_for_an_unknown_one() -> None:
    with pytest.raises(UnknownTask, match=f"did you mean '{ADD}'"):
        catalog.find(ADD.replace("add", "ad"))


def test_nothing_is_offered_where_nothing_is_near() -> None:
    with pytest.raises(UnknownTask, match="^no task is named 'zzz'$"):
        catalog.find("zzz")


@pytest.mark.parametrize(
    ("name", "title", "family"),
    [
        ("apps.email.tasks.send_email_task", "Send email", "email"),
        ("billing.tasks.charge", "Charge", "billing"),
        ("charge_card", "Charge card", ""),
        ("", "", ""),
    ],
)
def test_a_name_has_a_title_and_a_family(name: str, title: str, family: str) -> None:
    assert (catalog.title(name), catalog.family(name)) == (title, family)


def test_the_docstring_is_the_description() -> None:
    assert catalog.description(catalog.find(ADD)).startswith("Adds two numbers.")
