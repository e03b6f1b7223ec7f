from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.data.formats.format import Kind
from apps.data.models import Dataset, Import, RowError
from apps.jobs.reporting import Chart, Choices, Column, Section, Series, Table


def dataset_names() -> Sequence[str]:
    return list(Dataset.objects.values_list("name", flat=True))


class ImportedData:
    name = "imported_data"
    title = _("Imported data")
    description = _("What each dataset holds, what came in each day, and why rows were rejected.")

    def build(
        self, since: date, until: date, dataset: Annotated[str | None, Choices(dataset_names)] = None
    ) -> Iterator[Section]:
        datasets, imports = Dataset.objects.all(), Import.objects.all()
        if dataset is not None:
            datasets, imports = datasets.filter(name=dataset), imports.filter(dataset__name=dataset)
        imports = imports.filter(finished__date__range=(since, until))
        yield contents(datasets)
        yield per_day(imports, since, until)
        yield rejected(imports)


REPORTS = [ImportedData]


def contents(datasets: QuerySet[Dataset]) -> Section:
    rows = datasets.annotate(rows=Count("records")).order_by("-rows", "name")
    columns = (Column(_t("Dataset")), Column(_t("Key column")), Column(_t("Rows"), "number"))
    table = Table(columns, ((str(row), row.key_column or None, row.rows) for row in rows))
    return Section(_t("Datasets"), _t("What they hold now."), table=table)


def per_day(imports: QuerySet[Import], since: date, until: date) -> Section:
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    sums = {"created": Sum("rows_created"), "updated": Sum("rows_updated"), "rejected": Sum("rows_failed")}
    per_day: QuerySet[Any, Any] = imports.values(day=TruncDate("finished")).annotate(**sums)
    found = {row["day"]: row for row in per_day}

    def counted(name: str) -> list[float | None]:
        return [found[day][name] if day in found else 0 for day in days]

    series = (
        Series(_t("New"), counted("created"), "success"),
        Series(_t("Updated"), counted("updated"), "started"),
        Series(_t("Rejected"), counted("rejected"), "failure"),
    )
    return Section(_t("Rows per day"), chart=Chart("stacked", [day.isoformat() for day in days], series))


def rejected(imports: QuerySet[Import]) -> Section:
    found = RowError.objects.filter(origin__in=imports).values("kind", name=F("origin__dataset__name"))
    counts: QuerySet[Any, Any] = found.annotate(rows=Count("id")).order_by("-rows", "kind", "name")
    columns = (Column(_t("Reason")), Column(_t("Dataset")), Column(_t("Rows"), "number"))
    rows = ((Kind(row["kind"]).label, row["name"], row["rows"]) for row in counts)
    text = _t("Of each import, only the first thousand rejected rows are kept and counted here.")
    return Section(_t("Why rows were rejected"), text, table=Table(columns, rows))
