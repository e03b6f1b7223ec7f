"""Rows into the table: COPY to a staging table, then one statement. Belongs into a transaction."""

import json
from collections.abc import Iterable, Sequence

from django.db import connection
from django.utils.translation import gettext as _

from apps.data.formats.format import BadRow, Kind, Row
from apps.data.models import KEY_MAX_CHARACTERS, Dataset

DATASET_COLUMNS_MAX = 1_000

STAGE = "CREATE TEMPORARY TABLE data_staging (place integer, key text, data jsonb)"
COPY = "COPY data_staging (place, key, data) FROM STDIN"
APPEND = """
    WITH written AS (
        INSERT INTO data_record (dataset_id, data, origin_id, updated)
        SELECT %(dataset)s, data, %(origin)s, now() FROM data_staging ORDER BY place
        RETURNING 1
    )
    SELECT count(*), 0, 0 FROM written
"""
# The last row of a key wins. Ordered by key, so that two imports can't lock each other out.
UPSERT = """
    WITH latest AS (
        SELECT DISTINCT ON (key) key, data FROM data_staging ORDER BY key, place DESC
    ), again AS (
        SELECT count(*) AS rows FROM latest JOIN data_record USING (key)
        WHERE dataset_id = %(dataset)s AND origin_id = %(origin)s
    ), written AS (
        INSERT INTO data_record (dataset_id, key, data, origin_id, updated)
        SELECT %(dataset)s, key, data, %(origin)s, now() FROM latest ORDER BY key
        ON CONFLICT (dataset_id, key) WHERE key IS NOT NULL DO UPDATE
        SET data = excluded.data, origin_id = excluded.origin_id, updated = excluded.updated
        RETURNING xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new),
        count(*) FILTER (WHERE NOT is_new) - (SELECT rows FROM again),
        (SELECT count(*) FROM data_staging) - count(*) + (SELECT rows FROM again)
    FROM written
"""


def split(rows: Iterable[Row | BadRow], key_column: str) -> tuple[list[Row], list[BadRow]]:
    """The rows that can be stored, and those that can't: read badly, or without a key."""
    good: list[Row] = []
    bad: list[BadRow] = []
    for row in rows:
        checked = check_key(row, key_column) if key_column and isinstance(row, Row) else row
        if isinstance(checked, Row):
            good.append(checked)
        else:
            bad.append(checked)
    return good, bad


def check_key(row: Row, key_column: str) -> Row | BadRow:
    if 0 < len(key_of(row, key_column)) <= KEY_MAX_CHARACTERS:
        return row
    text = _("expected a key of 1 to %d characters, got %d")
    text %= KEY_MAX_CHARACTERS, len(key_of(row, key_column))
    return BadRow(row.line, Kind.NO_KEY, text, key_column, json.dumps(row.values, ensure_ascii=False))


def key_of(row: Row, key_column: str) -> str:
    value = row.values.get(key_column)
    return "" if value is None else str(value).strip()


def store(dataset: Dataset, origin_id: int, rows: Sequence[Row]) -> tuple[int, int, int]:
    """Writes the rows; returns how many were new, updated, duplicates. They have passed `split`."""
    if not rows:
        return 0, 0, 0
    remember_columns(dataset, rows)
    with connection.cursor() as cursor:
        cursor.execute(STAGE)
        with cursor.copy(COPY) as copy:
            for place, row in enumerate(rows):
                key = key_of(row, dataset.key_column) if dataset.key_column else None
                copy.write_row((place, key, json.dumps(row.values, ensure_ascii=False)))
        cursor.execute("ANALYZE data_staging")  # or the join above might read the whole table
        ids = {"dataset": dataset.pk, "origin": origin_id}
        cursor.execute(UPSERT if dataset.key_column else APPEND, ids)
        created, updated, duplicate = cursor.fetchone()
        cursor.execute("DROP TABLE data_staging")
    return created, updated, duplicate


def remember_columns(dataset: Dataset, rows: Sequence[Row]) -> None:
    """Adds columns that the dataset has not seen yet, for tables and exports."""
    known = set(dataset.columns)
    new = dict.fromkeys(name for row in rows for name in row.values if name not in known)
    if new:
        # no_key: a full lock would stop the inserts of other imports, which point at this row.
        locked = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        locked.columns = [*dict.fromkeys([*locked.columns, *new])][:DATASET_COLUMNS_MAX]
        locked.save(update_fields=["columns"])
        dataset.columns = locked.columns
