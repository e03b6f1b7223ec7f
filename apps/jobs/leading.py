"""Of several processes the one that does something."""

from typing import Any

from django.db import connection

FROZEN_MILLISECONDS = 30_000


class Leader:
    """It leads as long as its database session holds a lock. PostgreSQL ends a session that is silent for
    long, so a process that is frozen gives way.
    """

    def __init__(self, lock: int) -> None:
        self.lock = lock
        self.locked_on: Any = None

    def leads(self) -> bool:
        """Raises the database's errors."""
        connection.ensure_connection()
        if self.locked_on is not None and self.locked_on is connection.connection:
            return True
        self.locked_on = None
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_session_timeout = {FROZEN_MILLISECONDS}")
            cursor.execute(f"SET idle_in_transaction_session_timeout = {FROZEN_MILLISECONDS}")
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [self.lock])
            if cursor.fetchone()[0]:
                self.locked_on = connection.connection
        return self.locked_on is not None
