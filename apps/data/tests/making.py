"""Imports to test with."""

from typing import Any

from django.core.files.base import ContentFile

from apps.data.models import Dataset, Import, Record
from apps.data.receiving import Plan, receive

PEOPLE = "id,name,city\n1,Ada,London\n2,Grace,New York\n3,Edsger,Rotterdam\n"


def received(content: str | bytes, key: str = "", name: str = "people.csv", **plan: Any) -> Import:
    """An import into the dataset "people" that waits to be run."""
    file = ContentFile(content.encode() if isinstance(content, str) else content)
    return receive(file, name, Plan(**{"dataset": "people", "key": key, **plan}))


def rows(dataset: str = "people") -> list[dict[str, Any]]:
    """What the dataset holds, oldest first."""
    return [record.data for record in Record.objects.filter(dataset__name=dataset).order_by("id")]


def dataset(name: str = "people", key: str = "") -> Dataset:
    return Dataset.objects.get_or_create(name=name, defaults={"key_column": key})[0]
