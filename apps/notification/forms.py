"""What people fill in."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from apps.jobs.errors import JobError, PermanentError
from apps.notification import wording
from apps.notification.channels import KINDS, kind_named
from apps.notification.models import Channel
from apps.notification.severity import Severity

SECRET_LENGTH_MIN = 16


class SendForm(forms.Form):
    """The task's own check of its arguments says what is wrong with them."""

    recipient = forms.CharField(
        label=gettext_lazy("To"),
        help_text=gettext_lazy("A user name, a mail address, or the name of a channel."),
        max_length=wording.NAME_LENGTH,
    )
    title = forms.CharField(label=gettext_lazy("Title"), max_length=wording.TITLE_LENGTH)
    message = forms.CharField(
        label=gettext_lazy("Message"),
        required=False,
        max_length=wording.MESSAGE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    severity = forms.ChoiceField(label=gettext_lazy("Severity"), choices=Severity.choices)
    url = forms.CharField(
        label=gettext_lazy("Link"),
        required=False,
        max_length=wording.LINK_LENGTH,
        help_text=gettext_lazy("An address, or a path of this site such as /jobs/."),
    )
    channels = forms.MultipleChoiceField(
        label=gettext_lazy("Channels"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked: every channel that reaches the recipient."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        enabled = Channel.objects.filter(enabled=True).values_list("name", flat=True)
        self.fields["channels"].choices = [(name, name) for name in enabled]  # type: ignore[attr-defined]

    def arguments(self) -> dict[str, Any]:
        """What was filled in, as arguments of the task."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    def show(self, error: JobError) -> None:
        """Puts each problem beside its field."""
        for name, problem in getattr(error, "problems", {"": str(error)}).items():
            self.add_error(name if name in self.fields else None, problem)


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """The configuration is checked by the channel's kind; the signing key is never shown again."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=[(name, kind.title) for name, kind in KINDS.items()],
        widget=UnfoldAdminSelectWidget,
    )
    secret = forms.CharField(
        label=gettext_lazy("Signing key"),
        required=False,
        min_length=SECRET_LENGTH_MIN,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Signs webhooks. Empty: stays as it is; at first the site's own key."),
    )

    class Meta:
        model = Channel
        fields = ("name", "kind", "config", "secret", "enabled", "min_severity")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "config" in self.fields:  # someone who may only look has no fields
            self.fields["config"].help_text = " · ".join(
                f"{kind.title}: {json.dumps(kind.example, ensure_ascii=False)}" for kind in KINDS.values()
            )

    def clean_secret(self) -> str:
        return str(self.cleaned_data["secret"] or self.instance.secret)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("kind") and "config" in cleaned:
            cleaned["config"] = cleaned["config"] or {}
            try:
                kind_named(cleaned["kind"]).read(cleaned["config"])
            except PermanentError as error:
                raise ValidationError({"config": _("Not usable: %s") % error}) from None
        return cleaned
