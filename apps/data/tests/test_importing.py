"""Files become records: counts, keys, resuming."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from celery.exceptions import Ignore
from django.db import connection

from apps.data import importing
from apps.data.importing import run_import, start_over
from apps.data.models import Import, Record, RowError
from apps.data.tests.making import PEOPLE, dataset, received, rows
from apps.jobs.errors import PermanentError, Snooze
from apps.jobs.states import State

pytestmark = pytest.mark.django_db


def test_a_file_becomes_records() -> None:
    result = run_import(received(PEOPLE).pk)
    assert (result["status"], result["count"], result["created"]) == ("success", 3, 3)
    assert rows()[0] == {"id": "1", "name": "Ada", "city": "London"}
    assert dataset().columns == ["id", "name", "city"]


def test_an_import_keeps_its_counts_and_times() -> None:
    imported = received(PEOPLE)
    run_import(imported.pk)
    imported.refresh_from_db()
    assert (imported.state, imported.rows_total, imported.rows_read) == (State.SUCCESS, 3, 3)
    assert imported.bytes_done == imported.size == len(PEOPLE)
    assert imported.finished


def test_rows_with_a_known_key_are_updated() -> None:
    run_import(received(PEOPLE, key="id").pk)
    result = run_import(received("id,name,city\n2,Grace,Arlington\n4,Barbara,Boston\n").pk)
    assert (result["created"], result["updated"], result["duplicates"]) == (1, 1, 0)
    assert Record.objects.get(key="2").data["city"] == "Arlington"
    assert Record.objects.count() == 4


def test_without_key_every_row_is_new() -> None:
    for _ in range(2):
        run_import(received(PEOPLE).pk)
    assert Record.objects.count() == 6


def test_the_last_row_of_a_key_wins_within_a_chunk() -> None:
    result = run_import(received("id,n\n1,a\n2,b\n1,c\n1,d\n", key="id").pk)
    assert (result["created"], result["duplicates"], result["count"]) == (2, 2, 4)
    assert Record.objects.get(key="1").data["n"] == "d"


def test_the_last_row_of_a_key_wins_across_chunks(chunks_of: Callable[[int], None]) -> None:
    chunks_of(2)
    result = run_import(received("id,n\n1,a\n2,b\n1,c\n3,d\n2,e\n", key="id").pk)
    assert (result["created"], result["updated"], result["duplicates"]) == (3, 0, 2)
    assert Record.objects.get(key="2").data["n"] == "e"


def test_a_row_without_key_is_left_out_and_named() -> None:
    imported = received("id,name\n1,Ada\n ,Nobody\n", key="id")
    result = run_import(imported.pk)
    error = imported.errors.get()
    assert (result["count"], result["rejected"]) == (1, 1)
    assert (error.line, error.kind, error.column) == (3, "no_key", "id")


def test_a_key_is_trimmed_and_bounded() -> None:
    run_import(received(f"id,n\n  7 ,x\n{'k' * 300},y\n", key="id").pk)
    assert Record.objects.get().key == "7"
    assert "255" in RowError.objects.get().message


def test_row_errors_are_counted_beyond_those_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "ROW_ERRORS_KEPT", 2)
    imported = received("a,b\n" + "1\n" * 5 + "1,2\n")
    assert run_import(imported.pk)["rejected"] == 5
    assert [error.line for error in imported.errors.all()] == [2, 3]


def test_a_finished_import_is_not_run_again() -> None:
    imported = received(PEOPLE)
    assert run_import(imported.pk) == run_import(imported.pk)
    assert Record.objects.count() == 3


def test_an_import_that_broke_off_goes_on_where_it_was(chunks_of: Callable[[int], None]) -> None:
    chunks_of(10)
    imported = received(numbers(95))
    break_after(4, imported)
    imported.refresh_from_db()
    assert (imported.state, imported.rows_read, imported.lines_done) == (State.FAILURE, 40, 41)
    result = run_import(imported.pk)
    assert (result["count"], result["created"]) == (95, 95)
    assert [row["n"] for row in rows()] == [str(number) for number in range(95)]


def test_nothing_of_a_chunk_stays_when_its_cursor_could_not_move(chunks_of: Callable[[int], None]) -> None:
    chunks_of(10)
    imported = received("n,m\n1,2\n3\n" + "4,5\n" * 30)
    break_after(1, imported)
    assert (Record.objects.count(), RowError.objects.count()) == (9, 1)
    assert run_import(imported.pk)["rejected"] == 1
    assert (Record.objects.count(), RowError.objects.count()) == (31, 1)


def test_a_long_import_goes_on_in_a_new_attempt(
    monkeypatch: pytest.MonkeyPatch, chunks_of: Callable[[int], None]
) -> None:
    chunks_of(10)
    monkeypatch.setattr(importing, "SLICE_SECONDS", 0)
    imported = received(numbers(25))
    for done in (10, 20, 25):
        with pytest.raises(Snooze):
            run_import(imported.pk)
        imported.refresh_from_db()
        assert (imported.state, imported.rows_read) == (State.RETRY, done)
    assert run_import(imported.pk)["count"] == 25


def test_an_older_run_stops_when_a_new_one_took_over(chunks_of: Callable[[int], None]) -> None:
    chunks_of(10)
    imported = received(numbers(50))
    old = importing.claim(imported.pk)
    run_import(imported.pk)
    with pytest.raises(importing.TakenOver), importing.open_file(old) as file:
        importing.load(old, file)
    assert Record.objects.count() == 50
    assert importing.leave(old)["status"] == "superseded"


def test_a_second_delivery_of_the_same_job_leaves_the_result_to_the_other_run() -> None:
    imported = received(PEOPLE)
    Import.objects.filter(pk=imported.pk).update(job_id="job-1")
    imported.refresh_from_db()
    with pytest.raises(Ignore):
        importing.leave(imported)


@pytest.mark.django_db(transaction=True)
def test_two_deliveries_at_once_store_each_row_once(chunks_of: Callable[[int], None]) -> None:
    chunks_of(50)
    imported = received(numbers(3_000))
    results: list[dict[str, Any]] = []
    threads = [threading.Thread(target=run_in_thread, args=(imported.pk, results)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [row["n"] for row in rows()] == [str(number) for number in range(3_000)]
    assert [result["count"] for result in results if result["status"] == "success"] == [3_000] * len(
        [result for result in results if result["status"] == "success"]
    )
    assert len(results) == 4
    assert any(result["status"] == "success" for result in results)


@pytest.mark.django_db(transaction=True)
def test_imports_into_one_dataset_at_once_do_not_lock_each_other_out(
    chunks_of: Callable[[int], None],
) -> None:
    chunks_of(100)
    draw = random.Random(3)
    files = [["id,n"] + [f"{key},{run}" for key in draw.sample(range(2_000), 2_000)] for run in range(4)]
    imports = [received("\n".join(lines), key="id") for lines in files]
    results: list[dict[str, Any]] = []
    threads = [threading.Thread(target=run_in_thread, args=(each.pk, results)) for each in imports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result["count"] for result in results] == [2_000] * 4
    assert sum(result["created"] for result in results) == Record.objects.count() == 2_000


def test_starting_over_takes_back_what_was_appended() -> None:
    imported = received("a,b\n1,2\n3\n")
    run_import(imported.pk)
    start_over(imported)
    assert (Record.objects.count(), RowError.objects.count()) == (0, 0)
    assert run_import(imported.pk)["created"] == 1


def test_starting_over_with_a_key_counts_no_duplicates() -> None:
    imported = received(PEOPLE, key="id")
    run_import(imported.pk)
    start_over(imported)
    result = run_import(imported.pk)
    assert (result["updated"], result["duplicates"], Record.objects.count()) == (3, 0, 3)


def test_an_unknown_import_is_refused() -> None:
    with pytest.raises(PermanentError, match="99"):
        run_import(99)


def test_an_import_whose_file_is_gone_says_so() -> None:
    imported = received(PEOPLE)
    imported.file.delete(save=False)
    with pytest.raises(PermanentError, match="gone"):
        run_import(imported.pk)
    imported.refresh_from_db()
    assert "gone" in imported.error


@pytest.fixture
def chunks_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda rows: monkeypatch.setattr(importing, "CHUNK_ROWS", rows)


def numbers(count: int) -> str:
    return "n\n" + "".join(f"{number}\n" for number in range(count))


def break_after(chunks: int, imported: Import) -> None:
    """Runs the import until its database fails in the middle of the chunk after those."""
    real, done = importing.keep_errors, []

    def fail(*arguments: Any) -> None:
        done.append(1)
        if len(done) > chunks:
            raise ConnectionError("the server closed the connection")
        real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "keep_errors", fail)
        with pytest.raises(ConnectionError):
            run_import(imported.pk)


def run_in_thread(import_id: int, results: list[dict[str, Any]]) -> None:
    try:
        results.append(run_import(import_id))
    finally:
        connection.close()
