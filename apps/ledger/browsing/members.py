"""Jobs by the batch that they belong to."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from apps.batches.models import Member
from apps.batches.opening import LARGEST
from apps.batches.reading import STATES
from apps.ledger.browsing.lists import NOTHING


class BatchFilter(DropdownFilter):
    """`batch=42`, or `batch=42:failed` for those that have come to this. There is nothing to choose from:
    one gets here from the batch's page.
    """

    title = gettext_lazy("batch")
    parameter_name = "batch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        asked = request.GET.get(self.parameter_name)
        return [(asked, _("batch %s") % asked[:40])] if asked else []

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        asked = self.value()
        if not asked:
            return queryset
        number, colon, state = asked.partition(":")
        known = number.isdecimal() and number.isascii() and int(number) <= LARGEST
        if not known or (colon and state not in STATES):
            return queryset.none()
        only = {"state": "" if state == "open" else state} if colon else {}
        return queryset.filter(id__in=Member.objects.filter(batch=int(number), **only).values("job_id"))


def batch_of(job_id: str) -> SafeString | str:
    """A link to its page."""
    member = Member.objects.filter(job_id=job_id).select_related("batch").first()
    if member is None:
        return NOTHING
    page = reverse("admin:batches_batch_change", args=[member.batch_id])
    return format_html('<a href="{}" class="text-link">{}</a>', page, member.batch)
