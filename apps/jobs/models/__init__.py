"""The ledger: what became of every job; and what happened besides."""

from apps.jobs.models.attempt import Attempt
from apps.jobs.models.dead_letter import DeadLetter
from apps.jobs.models.effect import Effect
from apps.jobs.models.event import Event
from apps.jobs.models.hold import Hold
from apps.jobs.models.job import Job
from apps.jobs.models.job_key import JobKey
from apps.jobs.models.runnable import RunnableTask
from apps.jobs.models.worker import Worker

__all__ = ["Attempt", "DeadLetter", "Effect", "Event", "Hold", "Job", "JobKey", "RunnableTask", "Worker"]
