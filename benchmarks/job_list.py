"""How long a page of the job list takes, however deep. `python benchmarks/job_list.py [rows]`

A PostgreSQL is started for the run and filled with a million jobs of sixty days: twenty tasks in five
families, 97 % succeeded, 1 % failed. Each page is fetched through Django's test client as a signed-in
person gets it: middleware, session, queries and template included. A page is asked for by its "older"
link; the link of page n is computed. Pages and filters are measured in turns, in random order.
TEST_DATABASE_URL and TEST_REDIS_URL name servers to use instead.
"""

import os
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import servers  # noqa: E402 - sets the environment that Django's settings read

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.console.paging import OLDER, spelled  # noqa: E402
from benchmarks import reporting  # noqa: E402

PAGE_SIZE = 50
PAGES = (1, 2, 100, 1_000, 10_000)
ROUNDS = 15
TARGET_MILLISECONDS = 100
TASK = "apps.data.tasks.t5_task"
# As queries of the page, and as conditions on the ledger by which the links are computed.
FILTERS = {
    "no filter": ({}, "true"),
    "state": ({"state": "SUCCESS"}, "state = 'SUCCESS'"),
    "state, few": ({"state": "FAILURE"}, "state = 'FAILURE'"),
    "task": ({"task": TASK}, f"task = '{TASK}'"),
    "state and task": ({"state": "SUCCESS", "task": TASK}, f"state = 'SUCCESS' AND task = '{TASK}'"),
    "day": ({"day": "DAY"}, "submitted_at::date = 'DAY'"),
    "state, task and day": (
        {"state": "SUCCESS", "task": TASK, "day": "DAY"},
        f"state = 'SUCCESS' AND task = '{TASK}' AND submitted_at::date = 'DAY'",
    ),
    "family": ({"family": "email"}, "task LIKE 'apps.email.%%'"),
    "dead": (
        {"state": "dead"},
        "state = 'FAILURE' AND NOT EXISTS (SELECT FROM jobs_job again WHERE again.retry_of = jobs_job.id)",
    ),
    "held": ({"state": "held"}, "state = 'PENDING' AND eta > now()"),
    "schedule": ({"schedule": "schedule 30"}, "schedule = 'schedule 30'"),
    "tag, many": ({"tag": "nightly"}, "tags @> ARRAY['nightly']::varchar[]"),
    "tag, few": ({"tag": "customer-400"}, "tags @> ARRAY['customer-400']::varchar[]"),
    "queue": ({"queue": "data"}, "queue = 'data'"),
    "worker and state": (
        {"worker": "worker3@host", "state": "FAILURE"},
        "worker = 'worker3@host' AND state = 'FAILURE'",
    ),
    "key": ({"text": "order-4000"}, "key = 'order-4000'"),
}
FILL = """
INSERT INTO jobs_job (
    id, task, queue, state, reason, priority, args, kwargs, redacted, result, error, note, attempts, worker,
    instance, submitted_at, published_at, first_started_at, started_at, finished_at, eta, schedule, submitter,
    source, key, tags, retry_of, resends, version)
SELECT md5(n::text)::uuid::text, 'apps.' || family || '.tasks.t' || mod(n, 20) || '_task', family, state,
    CASE WHEN state = 'FAILURE' THEN 'error' ELSE '' END, 5, '[]',
    jsonb_build_object('number', n, 'name', 'customer ' || n), '{}',
    CASE WHEN state = 'SUCCESS' THEN jsonb_build_object('rows', n, 'status', 'success') END,
    CASE WHEN state IN ('FAILURE', 'RETRY') THEN 'ValueError: no such row ' || n ELSE '' END, '',
    (state <> 'PENDING')::int,
    CASE WHEN state = 'PENDING' THEN '' ELSE 'worker' || mod(n / 7, 8) || '@host' END, '', submitted,
    submitted + interval '5 ms',
    CASE WHEN state <> 'PENDING' THEN submitted + interval '1 s' END,
    CASE WHEN state <> 'PENDING' THEN submitted + interval '1 s' END,
    CASE WHEN state IN ('SUCCESS', 'FAILURE', 'REVOKED') THEN submitted + interval '3 s' END,
    CASE WHEN state = 'PENDING' AND mod(n, 2) = 0 THEN now() + interval '1 day' END,
    CASE WHEN mod(n, 10) = 0 THEN 'schedule ' || mod(n, 300) ELSE '' END, '',
    CASE WHEN mod(n, 10) = 0 THEN 'schedule' ELSE 'code' END,
    CASE WHEN mod(n, 40) = 0 THEN 'order-' || n ELSE '' END,
    CASE WHEN mod(n, 25) = 0 THEN ARRAY['nightly', 'customer-' || mod(n, 5000)] ELSE '{}' END,
    CASE WHEN mod(n, 300) = 0 THEN md5((n - 1)::text)::uuid::text END, 0, n
FROM (
    SELECT n, now() - interval '60 days' * (1 - n::float8 / %(rows)s) AS submitted,
        (ARRAY['email', 'data', 'report', 'notification', 'cleanup'])[mod(n, 20) / 4 + 1] AS family,
        CASE WHEN dice < 970 THEN 'SUCCESS' WHEN dice < 980 THEN 'FAILURE' WHEN dice < 990 THEN 'REVOKED'
            WHEN dice < 994 THEN 'RETRY' WHEN dice < 999 THEN 'PENDING' ELSE 'STARTED' END AS state
    FROM (
        SELECT n, mod(hashint4(n) & 2147483647, 1000) AS dice FROM generate_series(1, %(rows)s) AS n
    ) AS thrown
) AS made
"""


@dataclass(frozen=True)
class Spot:
    """One page of one filter; `jobs` is how many it has."""

    filter: str
    page: int
    query: dict[str, str]
    jobs: int


@dataclass(frozen=True)
class Run:
    """`database_milliseconds` is the part that was spent waiting for PostgreSQL."""

    filter: str
    page: int
    milliseconds: float
    database_milliseconds: float


class Stopwatch:
    """Adds up the time of each statement."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - began


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        fill(rows)
        spots = [spot for name in FILTERS for spot in spots_of(name)]
        runs = measure(spots)
    finally:
        connection.creation.destroy_test_db("", verbosity=0)
        servers.stop()
    show(spots, runs, rows)
    report(runs, rows)


def fill(rows: int) -> None:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"rows": rows})
        cursor.execute("VACUUM ANALYZE jobs_job")  # as autovacuum would have done
    print(f"{rows:,} jobs written in {time.perf_counter() - began:.0f} s")


def spots_of(name: str) -> list[Spot]:
    """The pages of PAGES that there are, and the last one that is full."""
    day = (timezone.now() - timedelta(days=20)).date().isoformat()
    query = {key: value.replace("DAY", day) for key, value in FILTERS[name][0].items()}
    where = FILTERS[name][1].replace("DAY", day)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM jobs_job WHERE {where}", [])
        last = max(1, cursor.fetchone()[0] // PAGE_SIZE)
        pages = sorted({*(page for page in PAGES if page <= last), last})
        found = []
        for page in pages:
            place = {OLDER: place_before(cursor, where, page)} if page > 1 else {}
            found.append(Spot(name, page, query | place, 0))
    return [Spot(spot.filter, spot.page, spot.query, look(signed_in(), spot)) for spot in found]


def place_before(cursor: Any, where: str, page: int) -> str:
    """The link to a page: the place of the last job before it."""
    cursor.execute(
        f"SELECT submitted_at, id FROM jobs_job WHERE {where}"
        " ORDER BY submitted_at DESC, id DESC OFFSET %s LIMIT 1",
        [(page - 1) * PAGE_SIZE - 1],
    )
    return spelled(cursor.fetchone())


def signed_in() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get_or_create(username="ann", is_staff=True, is_superuser=True)[0])
    return client


def look(client: Client, spot: Spot) -> int:
    """How many jobs the page has; to be sure that it is the page that is meant."""
    answer = client.get("/jobs/", spot.query)
    assert answer.status_code == 200, spot
    return answer.content.count(b"<tr>") - 1


def measure(spots: list[Spot]) -> list[Run]:
    client, draw = signed_in(), random.Random(1)
    runs: list[Run] = []
    for _ in range(ROUNDS):
        runs += [timed(client, spot) for spot in draw.sample(spots, len(spots))]
    return runs


def timed(client: Client, spot: Spot) -> Run:
    watch, began = Stopwatch(), time.perf_counter()
    with connection.execute_wrapper(watch):
        client.get("/jobs/", spot.query)
    seconds = time.perf_counter() - began
    return Run(spot.filter, spot.page, round(seconds * 1000, 2), round(watch.seconds * 1000, 2))


def medians(runs: list[Run], figure: str = "milliseconds") -> dict[str, dict[int, float]]:
    times: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        times[run.filter][run.page].append(getattr(run, figure))
    return {name: {page: median(found) for page, found in pages.items()} for name, pages in times.items()}


def show(spots: list[Spot], runs: list[Run], rows: int) -> None:
    found, database = medians(runs), medians(runs, "database_milliseconds")
    print(f"median milliseconds of {ROUNDS} requests, {rows:,} jobs; target < {TARGET_MILLISECONDS}")
    print(f"{'filter':22} {'page':>7} {'jobs':>5} {'ms':>7} {'of it SQL':>10} {'to page 1':>10}")
    for spot in spots:
        mid, asked = found[spot.filter][spot.page], database[spot.filter][spot.page]
        ratio = mid / found[spot.filter][1]
        print(f"{spot.filter:22} {spot.page:>7,} {spot.jobs:>5} {mid:>7.1f} {asked:>10.1f} {ratio:>9.2f}x")
    worst = max(max(pages.values()) for pages in found.values())
    print(
        f"slowest median: {worst:.1f} ms ({'within' if worst < TARGET_MILLISECONDS else 'over'} the target)"
    )


def report(runs: list[Run], rows: int) -> None:
    found = medians(runs)
    reporting.write(
        "job_list",
        {
            f"{name}: page {max(pages)} / page 1": round(pages[max(pages)] / pages[1], 3)
            for name, pages in found.items()
            if max(pages) > 1
        },
        runs,
        medians_ms=found,
        database_medians_ms=medians(runs, "database_milliseconds"),
        rows=rows,
        postgres=connection.get_database_version()[0],
    )


if __name__ == "__main__":
    main()
