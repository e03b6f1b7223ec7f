"""The sample that `manage.py demo` loads: two hundred customers, three of whose rows are wrong."""

from pathlib import Path
from typing import Any

from django.core.files import File

from apps.data.importing import TASK
from apps.data.models import Import
from apps.data.receiving import Plan, receive

SAMPLE = Path(__file__).parent / "samples" / "customers.csv"


def load() -> None:
    if not Import.objects.filter(file_name=SAMPLE.name).exists():
        with SAMPLE.open("rb") as file:
            receive(File(file), SAMPLE.name, Plan("customers", key="customer_id"))


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [(TASK, {"import_id": Import.objects.filter(file_name=SAMPLE.name).latest("id").pk})]
