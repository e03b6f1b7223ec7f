"""Taking in a file: checked at the door, stored where the worker finds it, with an Import to run."""

import re
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from apps.data.formats import FORMATS, format_of
from apps.data.formats.format import BadFile, Options
from apps.data.models import Dataset, Import
from apps.jobs.errors import ArgumentError
from apps.jobs.progress import current_job_id

NAME = re.compile(r"[a-zA-Z0-9_-]{1,63}")


@dataclass(frozen=True)
class Plan:
    """Where a file goes and how it is read. Empty: the dataset's own key; format by the file's name."""

    dataset: str
    key: str = ""
    format: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""


def receive(file: File[Any], name: str, plan: Plan, **fields: Any) -> Import:
    """Stores the file with a new Import, which nobody runs yet; `fields` are further ones of Import.

    Raises ArgumentError (`file`, `dataset`, `key`); then nothing was stored.
    """
    check_name(plan.dataset)
    check_size(file.size)
    dataset, chosen = dataset_for(plan), plan.format or format_of(name)
    look_into(file, chosen, plan, dataset.key_column)
    reading = {"format": chosen, "encoding": plan.encoding, "delimiter": plan.delimiter}
    imported = Import(file_name=name[-255:], size=file.size, maker=current_job_id(), **reading, **fields)
    file.seek(0)
    imported.file.save(f"import.{chosen}", file, save=False)
    try:
        with transaction.atomic():
            key = {"key_column": dataset.key_column}
            imported.dataset, _made = Dataset.objects.get_or_create(name=dataset.name, defaults=key)
            imported.save()
    except Exception:
        imported.file.delete(save=False)
        raise
    return imported


def received_before() -> Import | None:
    """What an earlier delivery of the running job took in."""
    job_id = current_job_id()
    return Import.objects.filter(maker=job_id).first() if job_id else None


def check_name(dataset: str) -> None:
    if not NAME.fullmatch(dataset):
        text = _("expected 1 to 63 letters (a to z), digits, _ or -, got %r")
        raise ArgumentError({"dataset": text % dataset[:80]})


def check_size(size: int) -> None:
    if size > settings.IMPORT_MAX_BYTES:
        sizes = filesizeformat(settings.IMPORT_MAX_BYTES), filesizeformat(size)
        raise ArgumentError({"file": _("expected at most %s, got %s") % sizes})


def dataset_for(plan: Plan) -> Dataset:
    """The dataset of that name, or a new one that is not saved yet."""
    dataset = Dataset.objects.filter(name=plan.dataset).first()
    if dataset is None:
        return Dataset(name=plan.dataset, key_column=plan.key)
    if plan.key and plan.key != dataset.key_column:
        known = dataset.key_column or _("none")
        raise ArgumentError({"key": _("the dataset %s has another key: %s") % (dataset.name, known)})
    return dataset


def look_into(file: File[Any], chosen: str, plan: Plan, key_column: str) -> None:
    """Its header and its first row; the rest is for the worker."""
    file.seek(0)
    try:
        reader = FORMATS[chosen](cast("BinaryIO", file), Options(plan.encoding, plan.delimiter))
        first = next(iter(reader), None)
    except BadFile as error:
        raise ArgumentError({"file": str(error)}) from error
    if first is None:
        raise ArgumentError({"file": _("there are no rows below the header")})
    if key_column and reader.columns and key_column not in reader.columns:
        found = ", ".join(reader.columns)[:300]
        raise ArgumentError({"key": _("no column %r in the file, only %s") % (key_column, found)})
