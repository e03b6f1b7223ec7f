"""Report: one generated file, from the moment somebody asks for it."""

from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from apps.jobs.states import State


class Report(models.Model):
    """Belongs to one job, so that a job that is delivered twice makes one report.

    `state` is FAILURE while a failed job waits for its next try.
    """

    name = models.CharField(_("report"), max_length=64)
    title = models.CharField(_("title"), max_length=255)
    format = models.CharField(_("format"), max_length=16)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.PENDING)
    error = models.TextField(_("error"), blank=True)
    file = models.FileField(_("file"), max_length=255, blank=True)
    size = models.PositiveBigIntegerField(_("size"), default=0, help_text=_("bytes"))
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    job_id = models.CharField(_("job"), max_length=255, unique=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        verbose_name=_("submitted by"),
        null=True,
        blank=True,
        related_name="+",
    )
    created = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        ordering = ("-created", "-pk")

    def __str__(self) -> str:
        return f"{self.title} ({self.format})"

    def get_absolute_url(self) -> str:
        return reverse("report:detail", args=[self.pk])

    @property
    def is_ready(self) -> bool:
        """Finished, and its file is there."""
        name = self.file.name
        return self.state == State.SUCCESS and bool(name) and self.file.storage.exists(str(name))

    @property
    def suffix(self) -> str:
        """`.html`; a CSV report of several tables is a `.zip`."""
        return PurePath(self.file.name or "").suffix

    @property
    def download_name(self) -> str:
        return f"{self.name}-{self.created:%Y-%m-%d}-{self.pk}{self.suffix}"

    def outcome(self) -> dict[str, Any]:
        """What the job's result says of it."""
        return {
            "status": "success",
            "report": self.pk,
            "format": self.format,
            "rows": self.rows,
            "bytes": self.size,
            "url": self.get_absolute_url(),
        }

    def facts(self) -> dict[str, Any]:
        """What the event `report.ready` says of it."""
        by = self.submitted_by
        told = {"name": self.name, "title": self.title, "job": self.job_id}
        return {**told, **self.outcome(), "submitted_by": by.get_username() if by else None}

    def storage_name(self, suffix: str) -> str:
        """The same for every try of the job, so that a try finds what an earlier one left behind."""
        return f"reports/{self.created:%Y/%m}/{self.name}-{self.pk}-{slugify(self.job_id)[:40]}{suffix}"
