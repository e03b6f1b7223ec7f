"""What the report family gives to the cleanup and to the demo."""

import pytest
from django.apps import apps

from apps.jobs import reading, submit
from apps.report import demo, retention
from apps.report.generating import Wish, generate


@pytest.mark.django_db
def test_the_demo_can_be_loaded_twice_and_its_jobs_be_handed_in() -> None:
    demo.load()
    demo.load()
    for task, kwargs in demo.jobs():
        view = reading.find(submit(task, kwargs=kwargs).id)
        assert view
        assert view.task == "apps.report.tasks.generate_report_task"


def test_the_policies_name_fields_that_exist() -> None:
    for policy in retention.POLICIES:
        names = {field.name for field in apps.get_model(policy.model)._meta.get_fields()}
        assert {policy.timestamp, *policy.files, *policy.only} <= names


@pytest.mark.django_db
def test_reports_lie_in_the_folder_that_is_swept() -> None:
    report = generate("job-1", Wish("job_activity", "csv"))
    assert str(report.file.name).startswith(f"{retention.FOLDERS[0].folder}/")
