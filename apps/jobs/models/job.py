from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from apps.jobs.rule import Rule
from apps.jobs.states import Reason, Source, State

ID_LENGTH = 255  # Celery's task ids
TIME = ("-submitted_at", "-id")  # the order of lists


class Job(models.Model):
    """One submitted run of a task, from the moment it is submitted until retention forgets it.

    Written by `submit` (one INSERT) and by the recorder; nothing else changes a row's state.
    `version` is the place in the stream of what was written last, so that an entry that comes late
    changes nothing. `outbox` holds what it takes to publish the job and is null once it is published;
    `relay_at` is when a recorder does that, if nobody else did.
    `cancelled_at` is written by `cancel` itself, so that it holds whatever becomes of Redis.
    `due_at` is when a job that waits for its next try, or that was snoozed, may go on.
    `args` and `kwargs` are as people may see them; `redacted` names what was hidden.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, db_collation="C")
    task = models.CharField(_("task"), max_length=255)
    queue = models.CharField(_("queue"), max_length=255, default="", blank=True)
    state = models.CharField(_("state"), max_length=50, choices=State, default=State.PENDING)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, default=Reason.NONE, blank=True)
    priority = models.SmallIntegerField(_("priority"), null=True, blank=True)

    args = models.JSONField(_("arguments"), null=True, blank=True)
    kwargs = models.JSONField(_("named arguments"), null=True, blank=True)
    redacted = ArrayField(models.TextField(), verbose_name=_("redacted"), default=list, blank=True)
    result = models.JSONField(_("result"), null=True, blank=True)
    error = models.TextField(_("error"), default="", blank=True)
    note = models.TextField(_("note"), default="", blank=True)

    attempts = models.IntegerField(_("attempts"), default=0)
    worker = models.CharField(_("worker"), max_length=255, default="", blank=True)
    instance = models.CharField(_("worker instance"), max_length=255, default="", blank=True)

    submitted_at = models.DateTimeField(_("submitted"))
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    first_started_at = models.DateTimeField(_("first started"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    eta = models.DateTimeField(_("not before"), null=True, blank=True)
    due_at = models.DateTimeField(_("next try"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    wait_time = models.GeneratedField(
        verbose_name=_("wait time"),
        expression=models.F("first_started_at")
        - Greatest(models.F("submitted_at"), Coalesce(models.F("eta"), models.F("submitted_at"))),
        output_field=models.DurationField(),
        db_persist=True,
    )
    run_time = models.GeneratedField(
        verbose_name=_("run time"),
        expression=models.F("finished_at") - models.F("started_at"),
        output_field=models.DurationField(),
        db_persist=True,
    )

    parent = models.CharField(_("parent"), max_length=ID_LENGTH, null=True, blank=True, db_collation="C")  # noqa: DJ001
    root = models.CharField(_("root"), max_length=ID_LENGTH, null=True, blank=True, db_collation="C")  # noqa: DJ001
    group = models.CharField(_("group"), max_length=ID_LENGTH, null=True, blank=True, db_collation="C")  # noqa: DJ001
    retry_of = models.CharField(  # noqa: DJ001 - null: partial indexes then leave the row out
        _("retry of"), max_length=ID_LENGTH, null=True, blank=True, db_collation="C"
    )
    schedule = models.CharField(_("schedule"), max_length=255, default="", blank=True)
    submitter = models.CharField(_("submitted by"), max_length=150, default="", blank=True)
    source = models.CharField(_("source"), max_length=20, choices=Source, default=Source.CODE)
    key = models.CharField(_("key"), max_length=255, default="", blank=True)
    tags = ArrayField(models.CharField(max_length=100), verbose_name=_("tags"), default=list, blank=True)

    outbox = models.JSONField(null=True, blank=True, editable=False)
    relay_at = models.DateTimeField(null=True, blank=True, editable=False)
    resends = models.SmallIntegerField(_("sent again"), default=0)
    version = models.BigIntegerField(default=0, editable=False)
    reopened = models.BigIntegerField(default=0, db_default=0, editable=False)

    # Of the one that `submit` returns, not columns.
    existing = False  # whether it was there already, under its key
    rule: Rule | None = None  # by which it has its key

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes: ClassVar = [
            models.Index(fields=[*TIME], name="job_by_time"),
            models.Index(fields=["task", "state", *TIME], name="job_by_task"),
            # Nearly every job succeeds: those that didn't are few, and looked for.
            models.Index(fields=["state", *TIME], name="job_by_state", condition=~Q(state=State.SUCCESS)),
            models.Index(fields=["finished_at"], name="job_ended", condition=Q(finished_at__isnull=False)),
            models.Index(fields=["-finished_at"], name="job_failed", condition=Q(state=State.FAILURE)),
            models.Index(
                fields=[*TIME], name="job_held", condition=Q(state=State.PENDING, eta__isnull=False)
            ),
            models.Index(fields=[*TIME], name="job_lost", condition=Q(reason=Reason.WORKER_LOST)),
            models.Index(fields=["relay_at"], name="job_outbox", condition=Q(outbox__isnull=False)),
            # For the sweeper: whose message should be in a worker's hands, the longest overdue first.
            models.Index(
                "queue",
                Greatest("published_at", "eta", "due_at"),
                name="job_waiting",
                condition=Q(state__in=[State.PENDING, State.RETRY], outbox__isnull=True),
            ),
            models.Index(
                fields=["expires_at"],
                name="job_expiring",
                condition=Q(state__in=[State.PENDING, State.RETRY], expires_at__isnull=False),
            ),
            # For the sweeper, too: cancelled, and the end was lost on its way here.
            models.Index(
                fields=["cancelled_at"],
                name="job_cancelled",
                condition=Q(state__in=[State.PENDING, State.RETRY], cancelled_at__isnull=False),
            ),
            models.Index(
                fields=["parent", "submitted_at"], name="job_by_parent", condition=Q(parent__isnull=False)
            ),
            models.Index(
                fields=["group", "submitted_at"], name="job_by_group", condition=Q(group__isnull=False)
            ),
            models.Index(fields=["retry_of"], name="job_by_retry", condition=Q(retry_of__isnull=False)),
            models.Index(fields=["schedule", *TIME], name="job_by_schedule", condition=~Q(schedule="")),
            # Did the last jobs of a schedule fail? Waiting ones may be many, and say nothing.
            models.Index(
                fields=["schedule", "-finished_at"],
                name="job_ended_by_schedule",
                condition=~Q(schedule="") & Q(finished_at__isnull=False),
            ),
            models.Index(fields=["key"], name="job_by_key", condition=~Q(key="")),
            GinIndex(fields=["tags"], name="job_by_tag", condition=~Q(tags=[])),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"
