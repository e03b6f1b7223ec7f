"""Messages, the templates they are written from, and mailings: one message to each of many."""

from itertools import chain
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.email import texts
from apps.email.files import EmlStorage
from apps.email.substituting import variables


class State(models.TextChoices):
    """Where a message is. `MOVES` says from where to where it may go."""

    QUEUED = "queued", _("queued")  # waits for its job, or for its job's next try
    SENDING = "sending", _("sending")  # a worker talks to the mail server, or died doing so
    SENT = "sent", _("sent")  # the mail server took it
    FAILED = "failed", _("failed")  # certainly not sent
    UNSURE = "unsure", _("unsure")  # nobody knows: a person decides


MOVES: dict[State, set[State]] = {
    State.QUEUED: {State.SENDING, State.FAILED},
    State.SENDING: {State.SENT, State.QUEUED, State.FAILED, State.UNSURE},
    State.SENT: set(),
    State.FAILED: {State.SENDING, State.QUEUED},
    State.UNSURE: {State.SENT, State.QUEUED, State.FAILED},
}
# The words that badges know, so that a message's state has the colour of a job's.
BADGES = {
    State.QUEUED: "PENDING", State.SENDING: "STARTED", State.SENT: "SUCCESS",
    State.FAILED: "FAILURE", State.UNSURE: "HELD",
}  # fmt: skip


class MailTemplate(models.Model):
    name = models.CharField(_("name"), max_length=texts.NAME_LIMIT, unique=True, validators=[validate_slug])
    subject = models.CharField(_("subject"), max_length=texts.SUBJECT_LIMIT)
    text = models.TextField(_("text"), help_text=_("{{ name }} stands for a value; nothing else is special."))
    html = models.TextField(_("HTML"), blank=True, help_text=_("Optional. Values are escaped in it."))
    sample = models.JSONField(
        _("sample values"), default=dict, blank=True, help_text=_("Shown in the preview only.")
    )
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = _("mail template")
        verbose_name_plural = _("mail templates")

    def __str__(self) -> str:
        return self.name

    @property
    def wants(self) -> str:
        """The same in words, or what is wrong with the template."""
        try:
            return ", ".join(self.variables)
        except ValueError as error:
            return str(error)

    @property
    def variables(self) -> list[str]:
        """What a context must hold. Raises TemplateError."""
        names = (variables(text) for text in (self.subject, self.text, self.html))
        return list(dict.fromkeys(chain.from_iterable(names)))

    def clean(self) -> None:
        problems: dict[str, str] = {}
        checks = {"subject": texts.subject, "text": texts.body, "html": texts.body}
        for field, check in checks.items():
            try:
                variables(check(getattr(self, field)))
            except ValueError as error:
                problems[field] = str(error)
        try:
            texts.context(self.sample if isinstance(self.sample, dict) else {"": None})
        except ValueError as error:
            problems["sample"] = str(error)
        if problems:
            raise ValidationError(problems)


class Mailing(models.Model):
    """One message to each of many, sent by one job."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")  # its messages have no jobs yet
        SENDING = "sending", _("sending")  # each has a job
        DONE = "done", _("done")  # each has ended, one way or another

    subject = models.CharField(_("subject"), max_length=texts.SUBJECT_LIMIT, blank=True)
    template = models.CharField(_("template"), max_length=texts.NAME_LIMIT, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.QUEUED)
    job_id = models.CharField(_("job"), max_length=255, unique=True)
    total = models.PositiveIntegerField(_("messages"))
    duplicates = models.PositiveIntegerField(_("duplicates left out"), default=0)
    created = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")

    def __str__(self) -> str:
        return self.subject or self.template

    def get_absolute_url(self) -> str:
        return reverse("email:mailing", args=[self.job_id])

    @property
    def counts(self) -> dict[str, int]:
        """How many of its messages are in each state, counted now."""
        rows = self.messages.order_by().values_list("state").annotate(count=models.Count("id"))
        return {state.value: 0 for state in State} | dict(rows)

    @property
    def badge(self) -> str:
        done, sending = self.state == self.State.DONE, self.state == self.State.SENDING
        return "SUCCESS" if done else "STARTED" if sending else "PENDING"


class Message(models.Model):
    """One mail to one person. `message_id` stays the same however often it is tried."""

    to = models.CharField(_("to"), max_length=500)
    reply_to = models.CharField(_("reply to"), max_length=500, blank=True)
    subject = models.CharField(_("subject"), max_length=texts.SUBJECT_LIMIT)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    template = models.CharField(_("template"), max_length=texts.NAME_LIMIT, blank=True)
    mailing = models.ForeignKey(
        Mailing, models.CASCADE, null=True, blank=True, related_name="messages",
        verbose_name=_("mailing"),
    )  # fmt: skip
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.QUEUED)
    error = models.TextField(_("error"), blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    job_id = models.CharField(_("job"), max_length=255, blank=True, db_index=True)
    # Null, because two messages without a key are no duplicates.
    idempotency_key = models.CharField(
        _("idempotency key"), max_length=texts.KEY_LIMIT, null=True, blank=True, unique=True
    )
    message_id = models.CharField(_("Message-ID"), max_length=255)
    eml = models.FileField(_(".eml file"), storage=EmlStorage(), max_length=255, blank=True)
    created = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes: ClassVar = [
            models.Index(fields=["mailing", "state"], name="message_mailing_state"),
            models.Index(fields=["state", "-id"], name="message_state_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} → {self.to}"

    def get_absolute_url(self) -> str:
        return reverse("email:message", args=[self.pk])

    @property
    def badge(self) -> str:
        return BADGES[State(self.state)]

    @property
    def ended(self) -> bool:
        return self.state not in {State.QUEUED, State.SENDING}

    def move(self, to: State, **changes: Any) -> bool:
        """Changes the state if it may still go there and no other attempt began since this row was read."""
        allowed = [state for state, targets in MOVES.items() if to in targets]
        changes = {"state": to, **changes}
        rows = type(self).objects.filter(pk=self.pk, attempts=self.attempts, state__in=allowed)
        if rows.update(**changes) != 1:
            return False
        for name, value in changes.items():
            setattr(self, name, value)
        return True
