from collections.abc import Callable
from typing import Any, TypeVar, Unpack

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from apps.data.models import FORMAT_CHOICES, Import
from apps.data.pipeline import start_pipeline
from apps.data.receiving import Plan, receive
from apps.jobs import Job
from apps.jobs.errors import ArgumentError
from apps.jobs.orders import Options as JobOptions

DATASET_HELP = _("An existing dataset, or the name of a new one: letters, digits, _ and -.")
KEY_HELP = _("Rows with the same value there are one record. An existing dataset keeps its key.")
FORMATS_OR_NONE = [("", _("by the file's name")), *FORMAT_CHOICES]
WITH_LIST = forms.TextInput(attrs={"list": "datasets", "autocomplete": "off"})


Made = TypeVar("Made")


class ProblemForm(forms.BaseForm):
    def attempt(self, act: Callable[..., Made], *args: Any, **kwargs: Any) -> Made | None:
        """What `act` returns; or None, and the form says why."""
        try:
            return act(*args, **kwargs)
        except ArgumentError as error:
            for name, problem in error.problems.items():
                self.add_error(name if name in self.fields else None, problem)
        return None


class ImportForm(ProblemForm, forms.ModelForm):  # type: ignore[type-arg] # at run time it has none
    field_order = ("file", "dataset", "key", "format")
    dataset = forms.CharField(label=_("Dataset"), max_length=63, help_text=DATASET_HELP, widget=WITH_LIST)
    key = forms.CharField(label=_("Key column"), max_length=200, required=False, help_text=KEY_HELP)
    format = forms.ChoiceField(label=_("Format"), choices=FORMATS_OR_NONE, required=False)

    class Meta:
        model = Import
        fields = ("file", "encoding", "delimiter")

    def take(self, user: User) -> Import | None:
        words: dict[str, Any] = {**self.cleaned_data}
        file = words.pop("file")
        return self.attempt(receive, file, file.name, Plan(**words), submitted_by=user)


class PipelineForm(ProblemForm, forms.Form):
    url = forms.CharField(label=_("URL"), max_length=2048, help_text=_("https://…, or sample:customers."))
    dataset = forms.CharField(label=_("Dataset"), max_length=63, help_text=DATASET_HELP, widget=WITH_LIST)

    def start(self, **how: Unpack[JobOptions]) -> list[Job] | None:
        return self.attempt(start_pipeline, **self.cleaned_data, **how)
