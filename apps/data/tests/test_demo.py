"""The demo's sample, and how long things are kept."""

import pytest
from django.apps import apps
from django.core.exceptions import FieldDoesNotExist

from apps.data import demo
from apps.data.importing import run_import
from apps.data.models import Dataset, Import, Record
from apps.data.retention import FOLDERS, POLICIES

pytestmark = pytest.mark.django_db


def test_the_sample_has_two_hundred_customers_and_three_bad_rows() -> None:
    demo.load()
    ((task, kwargs),) = demo.jobs()
    result = run_import(**kwargs)
    assert (task, result["count"], result["rejected"]) == ("apps.data.tasks.batch_import_task", 197, 3)
    assert Dataset.objects.get().name == "customers"


def test_loading_the_sample_twice_changes_nothing() -> None:
    for _ in range(2):
        demo.load()
        run_import(**demo.jobs()[0][1])
    assert (Import.objects.count(), Record.objects.count()) == (1, 197)


def test_policies_name_fields_that_exist() -> None:
    for policy in POLICIES:
        model = apps.get_model(policy.model)
        for name in (policy.timestamp, *policy.files, *(key.split("__")[0] for key in policy.only)):
            try:
                model._meta.get_field(name)
            except FieldDoesNotExist:
                pytest.fail(f"{policy.model} has no {name}")


def test_files_without_a_row_go_too() -> None:
    assert {folder.folder for folder in FOLDERS} == {"imports", "pipeline"}
