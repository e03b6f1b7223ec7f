"""The statements that write a batch: PostgreSQL takes the documents apart.

Whatever the order in which batches are written, and however often, the rows end the same: `NEWER` guards
every column of a job's state, so that an entry that comes late changes nothing and a job that has ended
stays so unless it was reopened; facts are filled in by whoever knows them first; times are the earliest or
the latest of all.
"""

NEWER = """(excluded.version > job.version
            AND (job.finished_at IS NULL OR excluded.reopened > job.version))"""


def _moment(place: str) -> str:
    """When an entry was made. Its sequence counts as microseconds, so that later ones have later moments."""
    return f"to_timestamp(({place} >> 20) / 1000::float8 + ({place} & 1048575) / 1000000::float8)"


def _first(name: str) -> str:
    return "coalesce(" + ", ".join(f"{document}.{name}" for document in DOCUMENTS) + f") AS {name}"


# What the documents hold; each is taken apart once. `json` keeps what the worker wrote, which is how
# django-celery-results has it.
FIELDS = """name text, queue text, args jsonb, kwargs jsonb, argsrepr json, kwargsrepr json, redacted jsonb,
    status text, reason text, result json, error text, note text, traceback text, meta text,
    worker text, instance text, parent_id text, root_id text, group_id text, periodic_task_name text,
    submitted_at float8, eta timestamptz, expires timestamptz, seconds float8"""
DOCUMENTS = ("begun", "final", "submitted", "told", "past")
SHARED = (
    "name", "queue", "args", "kwargs", "argsrepr", "kwargsrepr", "redacted", "worker", "instance",
    "parent_id", "root_id", "group_id", "periodic_task_name",
)  # fmt: skip
OWN = ("reason", "error", "note", "seconds")
SHOWN = ("result", "traceback", "meta")

INPUT = f"""
    SELECT id, seen, version, reopened, told_at, kind, state, entry.reason AS why, number, published,
        first_started, started, finished, {", ".join(_first(name) for name in SHARED)},
        {", ".join(f"final.{name}" for name in OWN)}, final.eta AS next_eta, told.status AS told_status,
        {", ".join(f"CASE kind WHEN 'STARTED' THEN begun.{n} ELSE final.{n} END AS {n}" for n in SHOWN)},
        {", ".join(f"told.{name} AS told_{name}" for name in SHOWN)},
        submitted.submitted_at AS handed_in_at, submitted.eta, submitted.expires
    FROM json_to_recordset(%s::json) AS entry(
        id text, seen bigint, version bigint, reopened bigint, told_at bigint, kind text, state text,
        reason text, number int, published bigint, first_started bigint, started bigint, finished bigint,
        submitted json, begun json, final json, past json, told json),
    {", ".join(f"LATERAL json_to_record(entry.{name}) AS {name}({FIELDS})" for name in DOCUMENTS)}
"""  # noqa: S608 - names of columns and expressions

# Column: what an entry says of it.
VALUES = {
    "id": "id",
    "version": "version",
    "reopened": "reopened",
    "state": "coalesce(nullif(state, ''), 'PENDING')",
    "reason": "coalesce(nullif(why, ''), reason, '')",
    "task": "coalesce(name, '')",
    "queue": "coalesce(split_part(queue, '.', -1), '')",  # without what native delays put before it
    "priority": "NULL::smallint",
    "args": "args",
    "kwargs": "kwargs",
    "redacted": """CASE WHEN redacted IS NULL THEN '{}'::text[]
        ELSE ARRAY(SELECT jsonb_array_elements_text(redacted)) END""",
    "result": "CASE WHEN kind = 'SUCCESS' THEN result::jsonb END",
    "error": "coalesce(error, '')",
    "note": "coalesce(note, '')",
    "attempts": "number",
    "worker": "coalesce(worker, '')",
    "instance": "coalesce(instance, '')",
    "submitted_at": f"coalesce(to_timestamp(handed_in_at), {_moment('seen')})",
    "published_at": _moment("published"),
    "first_started_at": _moment("first_started"),
    "started_at": _moment("started"),
    "finished_at": _moment("finished"),
    "eta": "eta",
    "expires_at": "expires",
    "due_at": f"""CASE WHEN kind IN ('RETRY', 'reopened') THEN next_eta
        WHEN kind IN ('SNOOZED', 'held') THEN {_moment("version")} + seconds * interval '1 second' END""",
    "parent": "parent_id",
    "root": "root_id",
    '"group"': "group_id",
    "schedule": "coalesce(periodic_task_name, '')",
    "source": "CASE WHEN periodic_task_name IS NULL THEN 'code' ELSE 'schedule' END",
    "submitter": "''",
    "key": "''",
    "tags": "'{}'::varchar[]",
    "resends": "0",
}
STATE_COLUMNS = ("state", "reason", "result", "error", "finished_at", "due_at", "version")
FACTS = ("args", "kwargs", "eta", "expires_at", "parent", "root", '"group"')
BLANKS = ("task", "queue", "schedule")
OF_LATEST_TRY = """CASE WHEN job.started_at IS NULL OR excluded.started_at >= job.started_at
        THEN coalesce(nullif(excluded.{0}, ''), job.{0})
        ELSE coalesce(nullif(job.{0}, ''), excluded.{0}) END"""

SETS = [
    *(f"{name} = CASE WHEN {NEWER} THEN excluded.{name} ELSE job.{name} END" for name in STATE_COLUMNS),
    *(f"{name} = coalesce(job.{name}, excluded.{name})" for name in FACTS),
    *(f"{name} = coalesce(nullif(job.{name}, ''), excluded.{name})" for name in BLANKS),
    *(f"{name} = {OF_LATEST_TRY.format(name)}" for name in ("worker", "instance")),
    *(f"{name} = least(job.{name}, excluded.{name})" for name in ("published_at", "first_started_at")),
    *(f"{name} = greatest(job.{name}, excluded.{name})" for name in ("started_at", "attempts", "reopened")),
    # A row that `submit` wrote has a priority, and knows when it was submitted.
    """submitted_at = CASE WHEN job.priority IS NULL THEN least(job.submitted_at, excluded.submitted_at)
        ELSE job.submitted_at END""",
    f"note = CASE WHEN {NEWER} THEN coalesce(nullif(excluded.note, ''), job.note) ELSE job.note END",
    "source = CASE WHEN job.source = 'code' THEN excluded.source ELSE job.source END",
    "redacted = CASE WHEN job.redacted = '{}' THEN excluded.redacted ELSE job.redacted END",
    # Who reopens a job fills its outbox again, `since` then: what was before is about an older message.
    f"""outbox = CASE WHEN greatest(excluded.published_at, excluded.started_at, excluded.finished_at)
        > {_moment("coalesce((job.outbox->>'since')::bigint, 0)")} THEN NULL ELSE job.outbox END""",
]

LATER = "excluded.date_done >= mirror.date_done"
NEWS = ("status", "result", "traceback", "meta", "date_done")
DESCRIBED = ("task_name", "task_args", "task_kwargs", "periodic_task_name")

MIRROR_SETS = [
    *(f"{name} = CASE WHEN {LATER} THEN excluded.{name} ELSE mirror.{name} END" for name in NEWS),
    *(
        f"{name} = coalesce(CASE WHEN {LATER} THEN excluded.{name} END, mirror.{name}, excluded.{name})"
        for name in DESCRIBED
    ),
    "worker = coalesce(excluded.worker, mirror.worker)",
    "date_started = coalesce(excluded.date_started, mirror.date_started)",
]

JOBS = f"""
WITH input AS MATERIALIZED ({INPUT}), job AS (
    INSERT INTO jobs_job AS job ({", ".join(VALUES)})
    SELECT {", ".join(VALUES.values())} FROM input ORDER BY id COLLATE "C"
    ON CONFLICT (id) DO UPDATE SET {", ".join(SETS)}
    RETURNING job.id, job.version AS now, job.task, job.worker AS latest_worker, job.submitted_at,
        job.started_at, job.finished_at
), news AS (
    SELECT *, told_at > version AND (finished_at IS NULL OR told_at < now) AS tells
    FROM input JOIN job USING (id)
)
INSERT INTO django_celery_results_taskresult AS mirror (
    task_id, periodic_task_name, task_name, task_args, task_kwargs, status, worker, content_type,
    content_encoding, result, traceback, meta, date_created, date_started, date_done)
SELECT id, periodic_task_name, coalesce(name, nullif(task, '')), argsrepr::text, kwargsrepr::text,
    CASE WHEN tells THEN told_status ELSE state END, nullif(left(latest_worker, 100), ''),
    'application/json', 'utf-8', coalesce((CASE WHEN tells THEN told_result ELSE result END)::text, 'null'),
    CASE WHEN tells THEN told_traceback ELSE traceback END,
    coalesce(CASE WHEN tells THEN told_meta ELSE meta END, '{{"children": []}}'),
    submitted_at, started_at, {_moment("CASE WHEN tells THEN told_at ELSE version END")}
FROM news WHERE tells OR (state <> '' AND version <= now)
ON CONFLICT (task_id) DO UPDATE SET {", ".join(MIRROR_SETS)}
"""  # noqa: S608 - names of columns and expressions above

ENDS = ("outcome", "error_kind", "error_message", "trace")
LATER_END = "excluded.finished_at >= coalesce(try.finished_at, '-infinity')"

TRIES = f"""
INSERT INTO jobs_attempt AS try (
    job_id, token, number, worker, instance, started_at, finished_at, outcome,
    error_kind, error_message, trace)
SELECT job_id, token, number, coalesce(begun.worker, said.worker, ''),
    coalesce(begun.instance, said.instance, ''), {_moment("token")}, {_moment("ended")}, outcome,
    coalesce(said.error_kind, ''), coalesce(said.error_message, ''), coalesce(said.traceback, '')
FROM json_to_recordset(%s::json) AS entry(
    job_id text, token bigint, number int, ended bigint, outcome text, begun json, document json),
LATERAL json_to_record(entry.begun) AS begun(worker text, instance text),
LATERAL json_to_record(entry.document) AS said(
    worker text, instance text, error_kind text, error_message text, traceback text)
ORDER BY job_id COLLATE "C", token
ON CONFLICT (job_id, token) DO UPDATE SET
    finished_at = greatest(excluded.finished_at, try.finished_at),
    worker = coalesce(nullif(try.worker, ''), excluded.worker),
    instance = coalesce(nullif(try.instance, ''), excluded.instance),
    {", ".join(f"{name} = CASE WHEN {LATER_END} THEN excluded.{name} ELSE try.{name} END" for name in ENDS)}
"""  # noqa: S608
