from typing import Annotated, Any

from celery import shared_task
from django.utils.translation import gettext as _
from pydantic import Field

from apps.data import pipeline
from apps.data.importing import import_list, run_import
from apps.data.sizing import queue_of_import
from apps.data.syncing import sync
from apps.jobs.errors import ArgumentError

Rows = list[dict[str, Any]]
Name = Annotated[str, Field(min_length=1, max_length=63)]
Url = Annotated[str, Field(min_length=1, max_length=2048)]
BY_SIZE: Any = {"queue_by": queue_of_import}


# An import may take longer than other jobs; importing.SLICE_SECONDS ends before the soft limit.
@shared_task(soft_time_limit=1440, time_limit=1500, **BY_SIZE)
def batch_import_task(
    data_list: Rows | None = None, *, import_id: int | None = None, dataset: Name | None = None
) -> dict[str, Any]:
    """Imports rows into a dataset: a short list of them, or a file that was taken in before.

    data_list: rows such as {"id": 7, "name": "Ada"}, as many as a job can hold; stored all or none.
    dataset: where a list goes; "imported" when left out.
    import_id: the number of an import whose file is to be read, instead of a list.
    """
    if (data_list is None) == (import_id is None):
        raise ArgumentError({"data_list": _("expected either rows or the number of an import")})
    if import_id is not None:
        return run_import(import_id)
    return import_list(data_list or [], dataset or "imported")


@shared_task(soft_time_limit=1440, time_limit=1500)
def sync_data_task(source: Name) -> dict[str, Any]:
    """Fetches the file of a source and imports it, if it has changed since the last time.

    source: the name or number of a source.
    """
    return sync(source)


@shared_task
def download_task(url: Url) -> dict[str, Any]:
    """Fetches a file into storage: first step of a pipeline.

    url: an http or https address, or sample:customers for the demo.
    """
    return pipeline.download(url)


@shared_task
def process_task(data: dict[str, Any]) -> dict[str, Any]:
    """Cleans a downloaded CSV file: trims cells, plain column names, no row twice.

    data: what download_task returned.
    """
    return pipeline.process(data)


@shared_task(soft_time_limit=1440, time_limit=1500)
def upload_task(data: dict[str, Any], dataset: Name | None = None) -> dict[str, Any]:
    """Imports a processed file: last step of a pipeline.

    data: what process_task returned.
    dataset: where the rows go; left out, the file stays in storage and the result names it.
    """
    return pipeline.upload(data, dataset)
