"""Worker profiles, as data: what a worker of each kind reads, and how it runs that.

A new one is a row here or, without touching the code, a name in WORKER_PROFILES. docs/routing.md says
which is for what.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from project.topology import URGENT, valid_name

REPLACING = ("max_tasks", "max_memory_kilobytes")
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


def as_words(value: Any) -> Any:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        raise ValueError("expected a list of queues")
    return tuple(valid_name(str(word).strip()) for word in value)


class ProfileRow(BaseModel):
    """None: as the CELERY_WORKER_… settings say. No `queues`: all that no other profile in use names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    purpose: str = "WORKER_PROFILES"
    queues: Annotated[tuple[str, ...], BeforeValidator(as_words)] = ()
    pool: Literal["prefork", "threads", "solo"] = "prefork"
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    prefetch: Annotated[int, Field(ge=1, le=1000)] | None = None
    max_tasks: Count | None = None  # jobs after which a process is replaced
    max_memory_kilobytes: Count | None = None  # after which it is, too
    time_limit_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None  # caps CELERY_TASK_TIME_LIMIT

    @field_validator("max_tasks", "max_memory_kilobytes", "time_limit_seconds")
    @classmethod
    def kept(cls, value: int | None, info: ValidationInfo) -> int | None:
        pool = info.data.get("pool", "prefork")
        if value is not None and pool != "prefork":
            raise ValueError(f"expected none, because the pool {pool} can't keep it")
        return value

    @property
    def ends_jobs(self) -> bool:
        """Whether a time limit is kept, and a running job can be killed."""
        return self.pool == "prefork"

    def queues_of(self, in_use: Iterable["ProfileRow"], names: Iterable[str]) -> list[str]:
        """What it reads of the queues with these names, beside the other profiles in use."""
        if self.queues:
            return [name for name in names if name in self.queues]
        others = {queue for row in in_use if row.name != self.name for queue in row.queues}
        return [name for name in names if name not in others]

    def words(self, queues: Iterable[str]) -> tuple[str, ...]:
        """The words after `celery worker`."""
        options = {
            "--concurrency": self.concurrency,
            "--prefetch-multiplier": self.prefetch,
            "--max-tasks-per-child": self.max_tasks,
            "--max-memory-per-child": self.max_memory_kilobytes,
        }
        given = [word for name, value in options.items() if value for word in (name, str(value))]
        return (
            "-n", f"{self.name}@%h", "-Q", ",".join(queues), "-P", self.pool, "-O", "fair",
            "--without-gossip", "--without-mingle", *given,
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Of its process: time limits are a matter of its tasks, not of Celery's command line."""
        limit = self.time_limit_seconds
        return {"CELERY_WORKER_TASK_TIME_LIMIT": str(limit)} if limit else {}


PROFILES = (
    ProfileRow(name="general", purpose="every queue that no other profile in use names"),
    ProfileRow(
        name="io",
        purpose="jobs that wait for other servers: many at once, in threads",
        queues=("email", "notification"),
        pool="threads",
        concurrency=16,
    ),
    ProfileRow(
        name="heavy",
        purpose="long jobs that need memory: one at a time, in a process that is soon replaced",
        queues=("data", "report"),
        concurrency=1,
        prefetch=1,
        max_tasks=50,
        max_memory_kilobytes=1_500_000,
    ),
    ProfileRow(
        name="urgent",
        purpose="jobs of priority 0 to 2, which wait for no others",
        queues=(URGENT,),
        concurrency=2,
        prefetch=1,
    ),
)
IN_USE = ("general", "urgent")  # what `manage.py up` starts, and what compose does


def expand_profiles(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, ProfileRow]:
    """Ours, with the changes to them and further ones. Raises ValueError, which names the profile."""
    rows = {row.name: row for row in PROFILES}
    for name, fields in changes.items():
        valid_name(name)
        rows[name] = changed(rows.get(name, ProfileRow(name=name)), fields)
    return rows


def changed(row: ProfileRow, fields: Mapping[str, Any]) -> ProfileRow:
    """With another pool, what is said of replacing processes falls away, unless it is said again.

    Raises ValueError as `checked` does.
    """
    before = row.model_dump()
    if fields.get("pool", "prefork") != "prefork":
        before |= dict.fromkeys(REPLACING)
    return checked(row.name, {**before, **fields})


def checked(name: str, fields: Mapping[str, Any]) -> ProfileRow:
    """Raises ValueError, which names the profile, the field and what was expected."""
    try:
        return ProfileRow.model_validate({**fields, "name": name})
    except ValidationError as error:
        raise ValueError("; ".join(f"{name}: {complaint(dict(bad))}" for bad in error.errors())) from None


def complaint(detail: Mapping[str, Any]) -> str:
    words = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        known = ", ".join(field for field in ProfileRow.model_fields if field != "name")
        words = f"expected one of {known}"
    words = words.removeprefix("Input should be ") if "Input" in words else words
    said = words if words.startswith("expected") else f"expected {words}"
    return f"{'.'.join(map(str, detail['loc']))}: {said}, got {detail['input']!r:.60}"
