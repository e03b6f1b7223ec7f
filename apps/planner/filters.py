"""The filters of the list of schedules."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from apps.jobs import catalog
from apps.jobs.states import State
from apps.schedules import condition, rules


class EnabledFilter(DropdownFilter):
    title, parameter_name = _("enabled"), "enabled__exact"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [("1", _("Enabled")), ("0", _("Disabled"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(enabled=self.value() == "1") if self.value() in {"0", "1"} else queryset


class KindFilter(DropdownFilter):
    title, parameter_name = _("rule"), "kind"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return list(rules.KINDS.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        kind = self.value()
        return queryset.filter(**{f"{kind}__isnull": False}) if kind in rules.KINDS else queryset


class FamilyFilter(DropdownFilter):
    title, parameter_name = _("family"), "family"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        families = sorted({catalog.family(name) for name in catalog.tasks()})
        return [(family, family.capitalize()) for family in families]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        family = self.value()
        names = [name for name in catalog.tasks() if catalog.family(name) == family]
        return queryset.filter(task__in=names) if family else queryset


class OutcomeFilter(DropdownFilter):
    title, parameter_name = _("last outcome"), "outcome"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return list(State.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        state = self.value()
        return queryset.filter(last_job__state=state) if state in State.values else queryset


class ConditionFilter(DropdownFilter):
    """What a person should look at."""

    title, parameter_name = _("condition"), "condition"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, Any]]:
        return [(name, words) for name, (words, _find) in condition.CONDITIONS.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in condition.CONDITIONS:
            return queryset
        _words, find = condition.CONDITIONS[self.value()]
        return queryset.filter(pk__in=find().values("pk"))
