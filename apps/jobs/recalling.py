"""What a job was called with, ready to be run again: with its secrets where those are still known."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.jobs import catalog
from apps.jobs.arguments import signature
from apps.jobs.content import content_of
from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.models import DeadLetter, Job
from apps.jobs.redacting import HIDDEN, hidden
from apps.jobs.resending import Parcel


class NotRetryable(JobError):
    """Why a job can't be run again, as a sentence."""


class KeyTaken(NotRetryable):
    """Another job has the key that the new one would need."""


def call_of(job: Job, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    call: dict[str, Any] = {
        "args": job.args if args is None else args,
        "kwargs": job.kwargs if kwargs is None else kwargs,
    }
    lost = [f"--{name}" for name, part in call.items() if part is None]
    if lost:
        raise NotRetryable(
            _("the arguments of job %(id)s are not kept; give them with %(names)s")
            % {"id": job.id, "names": " ".join(lost)}
        )
    check_shapes(call)
    return with_secrets(job, call) if job.redacted else call


def with_secrets(job: Job, call: dict[str, Any]) -> dict[str, Any]:
    try:
        call = put_back(call, original(job))
        names = hidden_names(job, call)
    except RecursionError:
        raise ArgumentError({"": "expected arguments that are less deeply nested"}) from None
    if names:
        raise NotRetryable(
            _(
                "job %(id)s was called with secrets that are not kept: %(names)s; "
                "give them with --kwargs (or --args), or one with --edit NAME=VALUE"
            )
            % {"id": job.id, "names": ", ".join(names)}
        )
    return call


def check_shapes(call: dict[str, Any]) -> None:
    problems = {}
    if not isinstance(call["args"], list | tuple):
        problems["args"] = f"expected a list, got {type(call['args']).__name__}"
    if not isinstance(call["kwargs"], Mapping):
        problems["kwargs"] = f"expected a dict, got {type(call['kwargs']).__name__}"
    if problems:
        raise ArgumentError(problems)


def original(job: Job) -> Any:
    """The call with its secrets, where a message of the job is still kept; else None."""
    held = job.outbox or {}
    if "args" in held:
        return {"args": held["args"], "kwargs": held["kwargs"]}
    letter = DeadLetter.objects.filter(job_id=job.id).order_by("-died_at", "-id").first()
    if letter is None:
        return None
    content = content_of(Parcel.from_envelope(bytes(letter.body), bytes(letter.envelope)))
    return {"args": content.args, "kwargs": content.kwargs}


def put_back(value: Any, known: Any) -> Any:
    """The value with what was hidden in it, as far as `known` has it at the same place."""
    if value == HIDDEN:
        return value if known is None else known
    if isinstance(value, Mapping):
        named = known if isinstance(known, Mapping) else {}
        return {name: put_back(item, named.get(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        listed = known if isinstance(known, list) and len(known) == len(value) else [None] * len(value)
        return [put_back(item, at) for item, at in zip(value, listed, strict=True)]
    return value


def hidden_names(job: Job, call: dict[str, Any]) -> list[str]:
    """The places of what is hidden still, as `redact` names them."""
    named = signature(catalog.find(job.task)).named(call["args"], call["kwargs"])
    return [place for name, value in named for place in hidden(value, name)]
