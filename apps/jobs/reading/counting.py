"""How many there are, without counting them all."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet

COUNT_LIMIT = 10_000


@dataclass(frozen=True)
class Count:
    """`more`: there are more than `number`. `about`: it is PostgreSQL's estimate."""

    number: int
    more: bool = False
    about: bool = False

    def __bool__(self) -> bool:
        return self.number > 0


def up_to(limit: int, found: QuerySet[Any]) -> Count:
    """Counts no further than `limit`."""
    number = int(found[: limit + 1].count())
    return Count(min(number, limit), more=number > limit)


def estimate(model: type[Model]) -> int:
    """How many rows PostgreSQL believes the table has, as of its last ANALYZE; negative: no idea."""
    with connection.cursor() as cursor:
        table = model._meta.db_table  # noqa: SLF001 - Django's documented API
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)", [table])
        return int(cursor.fetchone()[0])


def distinct(model: type[Model], column: str, limit: int = 200) -> list[str]:
    """The first values of an indexed column but for "": one look into the index for each."""
    table, value = connection.ops.quote_name(model._meta.db_table), connection.ops.quote_name(column)  # noqa: SLF001
    # Said each time, so that an index without the empty ones will do.
    smallest = f"SELECT min({value}) AS value FROM {table} WHERE {value} > ''"  # noqa: S608 - names of ours
    query = (
        f"WITH RECURSIVE found AS ({smallest} UNION ALL SELECT ({smallest} AND {value} > found.value)"  # noqa: S608
        " FROM found WHERE found.value IS NOT NULL) SELECT value FROM found WHERE value IS NOT NULL LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [limit])
        return [found for (found,) in cursor.fetchall()]
