"""What people fill in. Each field is judged by the very check that the task uses."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.email import addresses, recipients, texts
from apps.email.models import MailTemplate
from apps.email.writing import Draft
from apps.jobs.errors import ArgumentError


class CheckedField(forms.CharField):
    """Text that a check of ours may refuse (ValueError) or put in its normal form."""

    def __init__(self, check: Callable[[str], Any], **options: Any) -> None:
        super().__init__(**options)
        self.check = check

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return self.check(text) if text else text
        except ValueError as error:
            raise ValidationError(str(error)) from error


class TemplateChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Stored templates by name, each with the names it wants."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            MailTemplate.objects.all(), to_field_name="name", required=False,
            label=_("Mail template"), **options,
        )  # fmt: skip

    def label_from_instance(self, obj: MailTemplate) -> str:
        return f"{obj.name} ({obj.wants})" if obj.wants else obj.name


class WordsForm(forms.Form):
    subject = CheckedField(texts.subject, label=_("Subject"), required=False)
    content = CheckedField(texts.body, label=_("Text"), required=False, strip=False, widget=forms.Textarea)
    template = TemplateChoice(help_text=_("Instead of subject and text."))

    def words(self) -> dict[str, Any]:
        """The arguments that were filled in, with the task's own names."""
        found = {**self.cleaned_data}
        if found.get("template"):
            found["template"] = found["template"].name
        return {name: value for name, value in found.items() if value}

    def add_problems(self, error: ArgumentError) -> None:
        for name, problem in error.problems.items():
            self.add_error(name if name in self.fields else None, problem)


class MessageForm(WordsForm):
    to_email = CheckedField(addresses.parse, label=_("To"))
    reply_to = CheckedField(addresses.parse, label=_("Answers go to"), required=False)
    context = forms.JSONField(
        label=_("Values for the template"), required=False,
        widget=forms.Textarea(attrs={"class": "json", "rows": 4}),
        help_text=_('One object, such as {"name": "Ann"}.'),
    )  # fmt: skip
    # Sent along, so that a second click on the button is the same message.
    idempotency_key = CheckedField(texts.key, widget=forms.HiddenInput, initial=uuid4)
    field_order = ("to_email", "subject", "content", "template", "context", "reply_to")

    def clean_context(self) -> dict[str, Any]:
        context = self.cleaned_data["context"] or {}
        if not isinstance(context, dict):
            raise ValidationError(_("Expected one object in braces."))
        try:
            return texts.context(context)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def draft(self) -> Draft:
        words = self.words()
        del words["idempotency_key"]
        return Draft(**words)


class MailingForm(WordsForm):
    recipients = CheckedField(
        lambda text: recipients.checked(recipients.read(text)),
        label=_("Recipients"), widget=forms.Textarea,
        help_text=_("One address a line; or CSV with a column to_email, the others being values "
                    "for the template."),
    )  # fmt: skip
    field_order = ("recipients", "subject", "content", "template")

    def draft(self) -> Draft:
        words = self.words()
        del words["recipients"]
        return Draft(**words)
