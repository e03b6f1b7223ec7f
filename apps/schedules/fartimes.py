"""Times past Python's calendar, `infinity` or a year of five digits: only SQL can write them."""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.signals import connection_created
from psycopg import DataError
from psycopg.pq import Format

FAR = datetime(9999, 1, 1, tzinfo=UTC)  # no schedule may have a time from here on
LAST, FIRST = datetime(9999, 12, 1, tzinfo=UTC), datetime(2, 1, 1, tzinfo=UTC)


def is_far(moment: datetime | None) -> bool:
    return moment is not None and moment >= FAR


def read_far() -> None:
    """psycopg raises for them: one such row would take down every list and loop that reads it."""
    connection_created.connect(read_leniently, dispatch_uid="schedules.read_far")


def read_leniently(connection: Any, **_: Any) -> None:
    """They are read as one end of the calendar, which the rules then refuse in words."""
    if connection.vendor != "postgresql":
        return
    adapters = connection.connection.adapters
    strict: Any = adapters.get_loader(adapters.types["timestamptz"].oid, Format.TEXT)

    class Loader(strict):
        def load(self, data: Any) -> datetime:
            try:
                found: datetime = super().load(data)
            except DataError:
                text = bytes(data)
                return FIRST if text.startswith(b"-") or text.endswith(b"BC") else LAST
            return found

    adapters.register_loader("timestamptz", Loader)
