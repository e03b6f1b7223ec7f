"""The door: what is wrong with a file is said before anything is stored."""

from typing import Any

import pytest
from django.core.files.storage import default_storage

from apps.data.models import Dataset, Import
from apps.data.tests.making import PEOPLE, dataset, received
from apps.jobs.errors import ArgumentError
from apps.jobs.states import State

pytestmark = pytest.mark.django_db


def test_a_file_is_stored_with_an_import_that_waits() -> None:
    imported = received(PEOPLE, key="id")
    assert (imported.state, imported.size, imported.file_name) == (State.PENDING, len(PEOPLE), "people.csv")
    with imported.file.open() as file:
        assert file.read() == PEOPLE.encode()
    assert (imported.dataset.name, imported.dataset.key_column) == ("people", "id")


def test_a_name_of_a_person_s_file_is_only_shown() -> None:
    imported = received(PEOPLE, name="../../etc/passwd\n.csv")
    assert imported.file.name is not None
    assert imported.file.name.startswith("imports/")
    assert "passwd" not in imported.file.name


def test_the_format_is_taken_from_the_name_unless_given() -> None:
    assert received('{"a": 1}\n', name="a.jsonl").format == "jsonl"
    assert received('{"a": 1}\n', name="a.txt", format="jsonl").format == "jsonl"


def test_an_existing_dataset_keeps_its_key() -> None:
    dataset(key="id")
    assert received(PEOPLE).dataset.key_column == "id"
    assert refused(PEOPLE, key="name") == {"key": "the dataset people has another key: id"}


@pytest.mark.parametrize(
    ("content", "plan", "field", "words"),
    [
        ("", {}, "file", "empty"),
        ("a,b\n", {}, "file", "no rows below the header"),
        (b"a\xff,b\n1,2\n", {}, "file", "expected utf-8"),
        ("a,a\n1,2\n", {}, "file", "more than once"),
        (PEOPLE, {"key": "email"}, "key", "no column 'email' in the file, only id, name, city"),
        (PEOPLE, {"dataset": "no spaces"}, "dataset", "expected 1 to 63 letters"),
        (PEOPLE, {"dataset": ""}, "dataset", "expected 1 to 63 letters"),
        (PEOPLE, {"dataset": "d" * 64}, "dataset", "expected 1 to 63 letters"),
        (PEOPLE, {"dataset": "../etc"}, "dataset", "expected 1 to 63 letters"),
        ("[1]\n", {"format": "jsonl"}, "file", "expected a JSON object"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    content: str | bytes, plan: dict[str, Any], field: str, words: str
) -> None:
    problems = refused(content, **plan)
    assert list(problems) == [field]
    assert words in problems[field]


def test_nothing_of_a_refused_file_is_kept() -> None:
    refused("a,a\n1,2\n")
    assert not Dataset.objects.exists()
    assert not Import.objects.exists()
    assert not default_storage.exists("imports")


def test_a_file_over_the_limit_is_refused(settings: Any) -> None:
    settings.IMPORT_MAX_BYTES = 20
    assert "expected at most 20" in refused(PEOPLE)["file"]


def test_the_file_goes_when_its_row_can_not_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(Import, "save", fail)
    with pytest.raises(ConnectionError):
        received(PEOPLE)
    folder = next(iter(default_storage.listdir("imports/")[0]))
    month = default_storage.listdir(f"imports/{folder}")[0][0]
    assert default_storage.listdir(f"imports/{folder}/{month}")[1] == []


def test_the_door_reads_no_more_than_the_beginning() -> None:
    assert received(b"a,b\n1,2\n" + b"x" * 9_000_000).state == State.PENDING


def refused(content: str | bytes, **plan: Any) -> dict[str, str]:
    with pytest.raises(ArgumentError) as error:
        received(content, **plan)
    return error.value.problems
