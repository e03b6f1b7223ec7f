"""Files that no row points to."""

import os
from pathlib import Path

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.cleanup import cleaning
from apps.cleanup.cleaning import clean_files
from apps.cleanup.models import CleanupRun
from apps.cleanup.policies import folders
from apps.cleanup.tests.conftest import days_ago
from apps.jobs.retention import FolderPolicy

pytestmark = pytest.mark.django_db


def store(name: str, days: float) -> str:
    stored = default_storage.save(name, ContentFile(b"x"))
    seconds = days_ago(days).timestamp()
    os.utime(default_storage.path(stored), (seconds, seconds))
    return stored


def test_old_files_without_a_row_go(folder: FolderPolicy) -> None:
    old, deep = store("attic/old.csv", 8), store("attic/a/b/c.csv", 100)
    young, outside = store("attic/young.csv", 6), store("imports/old.csv", 100)
    assert clean_files()["files_deleted"] == 2
    assert [default_storage.exists(name) for name in (old, deep, young, outside)] == [
        False, False, True, True
    ]  # fmt: skip


def test_a_file_that_a_row_points_to_stays(folder: FolderPolicy) -> None:
    name = store("attic/used.csv", 100)
    apps.get_model("report.Report").objects.create(job_id="j", file=name)
    assert clean_files()["files_deleted"] == 0
    assert default_storage.exists(name)


def test_a_dry_run_counts_and_deletes_nothing(folder: FolderPolicy) -> None:
    name = store("attic/old.csv", 8)
    assert clean_files(dry_run=True)["files_deleted"] == 1
    assert default_storage.exists(name)


def test_many_files_go_in_batches(folder: FolderPolicy) -> None:
    root = Path(default_storage.path("attic"))
    root.mkdir(parents=True)
    for number in range(1_201):
        (root / f"{number}.csv").touch()
        os.utime(root / f"{number}.csv", (0, 0))
    assert clean_files()["files_deleted"] == 1_201
    assert list(root.iterdir()) == []


def test_a_folder_that_does_not_exist_is_empty(folder: FolderPolicy) -> None:
    assert clean_files()["status"] == "success"
    assert CleanupRun.objects.get().policy == "files in attic"


def test_without_folders_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "folders", list)
    assert clean_files()["status"] == "success"


def test_every_apps_folders_are_known() -> None:
    assert {"imports", "pipeline", "reports"} <= {policy.folder for policy in folders()}
