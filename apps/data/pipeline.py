"""Download, process, upload: three steps in a chain that hand on a reference to a stored file."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from io import SEEK_END, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Unpack, cast
from uuid import uuid4

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from apps.data.fetching import fetch
from apps.data.formats.csv import CsvReader
from apps.data.formats.format import BadRow, Options, Row
from apps.data.importing import run_import
from apps.data.receiving import Plan, check_name, check_size, receive, received_before
from apps.jobs import Call, Job
from apps.jobs.chaining import submit_chain
from apps.jobs.errors import ArgumentError
from apps.jobs.orders import Options as JobOptions
from apps.jobs.progress import current_job_id, track
from apps.outbound.guarding import ForbiddenAddress, check_url

SAMPLE = "sample:"
SAMPLES = Path(__file__).parent / "samples"
REFERENCE = re.compile(r"pipeline/\w[\w-]*/\w+\.csv")


def start_pipeline(url: str, dataset: str, **how: Unpack[JobOptions]) -> list[Job]:
    """Submits the chain of three jobs. Raises ArgumentError."""
    check_origin(url)
    check_name(dataset)
    steps: dict[str, dict[str, Any]] = {
        "download": {"url": url},
        "process": {},
        "upload": {"dataset": dataset},
    }
    calls = [(f"apps.data.tasks.{step}_task", Call(kwargs=kwargs)) for step, kwargs in steps.items()]
    return submit_chain(calls, **how)


def download(url: str) -> dict[str, Any]:
    """The file at `url` into storage."""
    check_origin(url)
    if url.startswith(SAMPLE):
        with (SAMPLES / f"{url.removeprefix(SAMPLE)}.csv").open("rb") as sample:
            return keep(sample, "downloaded", Path(sample.name).name)
    with TemporaryFile() as file:
        return keep(file, "downloaded", fetch(url, file).name)


def process(data: dict[str, Any]) -> dict[str, Any]:
    """Trims cells, gives the columns plain names, drops rows that are there already or unreadable."""
    rows = dropped = 0
    with stored(data) as file, TemporaryFile() as cleaned:
        reader = CsvReader(file, Options())
        text = TextIOWrapper(cleaned, "utf-8", newline="")
        writer = csv.writer(text)
        writer.writerow(plain_names(reader.columns))
        for cells in unique(track(reader, message=_("rows"))):
            rows, dropped = rows + bool(cells), dropped + (not cells)
            writer.writerows([cells] if cells else [])
        text.flush()
        kept = keep(cleaned, "processed", str(data.get("name") or "pipeline.csv"))
        text.detach()
    return {**kept, "rows": rows, "dropped": dropped}


def upload(data: dict[str, Any], dataset: str | None) -> dict[str, Any]:
    """Imports the file into the dataset; without one, leaves it in storage and says where."""
    if dataset is None:
        with stored(data):
            return {"status": "success", "file": data["file"], "rows": data.get("rows")}
    imported = received_before()
    if imported is None:
        with stored(data) as file:
            name = str(data.get("name") or "pipeline.csv")
            imported = receive(File(file), name, Plan(dataset, format="csv"))
    return run_import(imported.pk)


def check_origin(url: str) -> None:
    samples = [f"{SAMPLE}{path.stem}" for path in SAMPLES.glob("*.csv")]
    try:
        if url not in samples:
            check_url(url, settings.SYNC_ALLOWED_HOSTS)
    except ForbiddenAddress as error:
        raise ArgumentError({"url": _("%s; or one of %s") % (error, ", ".join(samples))}) from error


def keep(file: BinaryIO, step: str, name: str) -> dict[str, Any]:
    """Stores the file under the job's own name: a second delivery replaces it."""
    size = file.seek(0, SEEK_END)
    check_size(size)
    file.seek(0)
    folder = default_storage.get_valid_name(current_job_id() or str(uuid4()))
    path = f"pipeline/{folder}/{step}.csv"
    default_storage.delete(path)
    return {"file": default_storage.save(path, File(file)), "name": name, "bytes": size}


@contextmanager
def stored(data: dict[str, Any]) -> Iterator[BinaryIO]:
    """The file that a step was handed. Raises ArgumentError for anything but our own references."""
    path = str(data.get("file"))
    if not REFERENCE.fullmatch(path) or not default_storage.exists(path):
        raise ArgumentError({"data": _("expected what the step before returned, with its stored file")})
    with default_storage.open(path, "rb") as file:
        yield cast("BinaryIO", file)


def plain_names(columns: Sequence[str]) -> list[str]:
    """`Unit price (EUR)` becomes `unit_price_eur`."""
    names: list[str] = []
    for place, column in enumerate(columns, start=1):
        name = re.sub(r"\W+", "_", column.lower()).strip("_") or f"column_{place}"
        while name in names:
            name += "_2"
        names.append(name)
    return names


def unique(items: Iterable[Row | BadRow]) -> Iterator[list[str]]:
    """Each row's cells, trimmed; an empty list for a row to drop."""
    seen: set[bytes] = set()
    for item in items:
        cells = [cell.strip() for cell in item.values.values()] if isinstance(item, Row) else []
        digest = blake2b("\x1f".join(cells).encode(), digest_size=16).digest()
        yield [] if digest in seen else cells
        seen.add(digest)
