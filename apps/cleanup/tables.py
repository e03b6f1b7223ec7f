"""What the cleanup asks of a model, without knowing whose it is."""

from collections.abc import Iterator
from typing import Any

from django.db.models import CASCADE, PROTECT, RESTRICT, Exists, FileField, Model, OuterRef
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.query import QuerySet

Rows = QuerySet[Any, Any]


def meta(model: type[Model]) -> Any:
    return model._meta  # noqa: SLF001 - Django's documented API


def everything(model: type[Model]) -> Rows:
    """Also what the model's own manager hides."""
    return model._base_manager.all()  # noqa: SLF001 - Django's documented API


def file_fields(model: type[Model]) -> tuple[str, ...]:
    return tuple(field.name for field in meta(model).concrete_fields if isinstance(field, FileField))


def dependents(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Models whose rows go with those of `model`, and the field by which they point to it."""
    for relation in relations(model):
        if relation.on_delete is CASCADE:
            yield relation.related_model, relation.field.name


def unprotected(rows: Rows) -> Rows:
    """In the order of their keys, without the rows that others point to and protect."""
    for relation in relations(rows.model):
        if relation.on_delete in {PROTECT, RESTRICT}:
            pointing = everything(relation.related_model).filter(**{relation.field.name: OuterRef("pk")})
            rows = rows.exclude(Exists(pointing))
    return rows.order_by("pk")


def relations(model: type[Model]) -> Iterator[Any]:
    """Those that point to `model`, the hidden ones of many-to-many tables included."""
    for field in meta(model).get_fields(include_hidden=True):
        if isinstance(field, ForeignObjectRel) and (field.one_to_many or field.one_to_one):
            yield field
