"""Who waits for a lock of the test's database."""

from __future__ import annotations

from django.db import connection

# Other processes that run tests have databases of their own in the same PostgreSQL.
_WAITING = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
)
"""


def is_anybody_waiting() -> bool:
    with connection.cursor() as cursor:
        # A transaction sees those who were connected when it first looked.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_WAITING)
        (is_waiting,) = cursor.fetchone()
    return bool(is_waiting)
