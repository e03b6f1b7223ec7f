"""Datasets and what came into them. Tables: data_dataset, data_record, data_import, …"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.data.formats import FORMATS
from apps.data.formats.csv import DELIMITERS
from apps.data.formats.format import Kind
from apps.data.formats.lines import ENCODINGS
from apps.jobs.states import State
from apps.outbound.guarding import ForbiddenAddress, check_url

KEY_MAX_CHARACTERS = 255
ROW_ERRORS_KEPT = 1_000  # per import
RAW_KEPT_CHARACTERS = 200

FORMAT_CHOICES = [(name, name.upper()) for name in FORMATS]
ENCODING_CHOICES = [(name, name) for name in ENCODINGS]
DELIMITER_CHOICES = [("", _("find out")), *DELIMITERS.items()]


class Dataset(models.Model):
    """A named set of records. Its key, if it has one, never changes: rows are recognised by it."""

    name = models.SlugField(_("name"), max_length=63, unique=True)
    title = models.CharField(_("title"), max_length=200, blank=True)
    key_column = models.CharField(
        _("key column"),
        max_length=200,
        blank=True,
        help_text=_("rows with the same value here are one record; empty: every row is a new record"),
    )
    columns = models.JSONField(_("columns"), default=list, editable=False)  # in the order first seen
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.title or self.name

    def get_absolute_url(self) -> str:
        return reverse("data:dataset", args=[self.name])


class Import(models.Model):
    """One file on its way into a dataset. `lines_done` is the cursor: it moves with the rows."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="imports")
    file_name = models.CharField(_("file name"), max_length=255)
    file = models.FileField(_("file"), upload_to="imports/%Y/%m")
    format = models.CharField(_("format"), max_length=20, choices=FORMAT_CHOICES, default="csv")
    encoding = models.CharField(_("encoding"), max_length=20, choices=ENCODING_CHOICES, default="utf-8")
    delimiter = models.CharField(_("delimiter"), max_length=1, choices=DELIMITER_CHOICES, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    error = models.TextField(_("error"), blank=True)

    size = models.BigIntegerField(_("bytes"), default=0)
    bytes_done = models.BigIntegerField(_("bytes read"), default=0)
    lines_done = models.BigIntegerField(_("lines read"), default=0)
    rows_total = models.BigIntegerField(_("rows"), null=True)  # None until the file was checked
    rows_read = models.BigIntegerField(_("rows read"), default=0)
    rows_created = models.BigIntegerField(_("new"), default=0)
    rows_updated = models.BigIntegerField(_("updated"), default=0)
    rows_duplicate = models.BigIntegerField(_("duplicates"), default=0)  # the last one of a key wins
    rows_failed = models.BigIntegerField(_("rejected"), default=0)

    job_id = models.CharField(_("job"), max_length=255, blank=True, db_index=True)
    # The job that took the file in, where a job did: delivered twice, it finds what it has made.
    maker = models.CharField(max_length=255, null=True, unique=True, editable=False)  # noqa: DJ001
    runner = models.UUIDField(null=True, editable=False)  # whoever started last; others stop at this
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created = models.DateTimeField(_("submitted"), auto_now_add=True, db_index=True)
    finished = models.DateTimeField(_("finished"), null=True, db_index=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.file_name} → {self.dataset.name}"

    def get_absolute_url(self) -> str:
        return reverse("data:import", args=[self.pk])

    def summary(self) -> dict[str, Any]:
        """What a finished job tells."""
        return {
            "status": "success",
            "count": self.rows_read - self.rows_failed,
            "created": self.rows_created,
            "updated": self.rows_updated,
            "duplicates": self.rows_duplicate,
            "rejected": self.rows_failed,
            "import": self.pk,
            "dataset": self.dataset.name,
        }


class Record(models.Model):
    """One row of a dataset."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="records", db_index=False)
    # NULL, not "", for datasets without key: the unique index leaves those rows out.
    key = models.CharField(_("key"), max_length=KEY_MAX_CHARACTERS, null=True)  # noqa: DJ001
    data = models.JSONField(_("data"))
    origin = models.ForeignKey(Import, models.SET_NULL, null=True, related_name="records")
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("record")
        verbose_name_plural = _("records")
        constraints = (
            models.UniqueConstraint(
                fields=["dataset", "key"],
                condition=models.Q(key__isnull=False),
                name="data_record_key",
            ),
        )
        indexes = (models.Index(fields=["dataset", "id"], name="data_record_page"),)

    def __str__(self) -> str:
        return self.key or f"#{self.pk}"


class RowError(models.Model):
    """A row that was left out, and why. At most ROW_ERRORS_KEPT for each import."""

    origin = models.ForeignKey(Import, models.CASCADE, related_name="errors", db_index=False)
    line = models.BigIntegerField(_("line"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    column = models.CharField(_("column"), max_length=200, blank=True)
    message = models.CharField(_("message"), max_length=500)
    raw = models.CharField(_("row"), max_length=RAW_KEPT_CHARACTERS, blank=True)
    created = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("row error")
        verbose_name_plural = _("row errors")
        ordering = ("id",)
        indexes = (models.Index(fields=["origin", "id"], name="data_rowerror_page"),)

    def __str__(self) -> str:
        return f"{self.line}: {self.message}"


class Source(models.Model):
    """A file on another site that is fetched again and again."""

    name = models.SlugField(_("name"), max_length=63, unique=True)
    url = models.CharField(_("URL"), max_length=2048)
    # Not "dataset": Unfold takes a form with a field of that name for its own.
    target = models.ForeignKey(Dataset, models.CASCADE, related_name="sources", verbose_name=_("dataset"))
    format = models.CharField(_("format"), max_length=20, choices=FORMAT_CHOICES, default="csv")
    encoding = models.CharField(_("encoding"), max_length=20, choices=ENCODING_CHOICES, default="utf-8")
    enabled = models.BooleanField(_("enabled"), default=True)
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    last_run = models.DateTimeField(_("last run"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            check_url(self.url, settings.SYNC_ALLOWED_HOSTS)
        except ForbiddenAddress as error:
            raise ValidationError({"url": str(error)}) from error
