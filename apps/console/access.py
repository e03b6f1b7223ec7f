"""Who may see the console: signed-in staff. Each task's own permission is checked on top."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRefresh

View = Callable[..., HttpResponseBase]


def staff_only(view: View) -> View:
    """Others are sent to the login page; a live part reloads its page, which then leads there."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs) if is_staff(request) else turned_away(request)

    return guarded


def staff_only_json(view: View) -> View:
    """A script gets 401 or 403 and a sentence instead of a login page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_staff(request):
            return view(request, *args, **kwargs)
        status = 403 if request.user.is_authenticated else 401
        return JsonResponse({"error": _("Sign in with a staff account.")}, status=status)

    return guarded


def is_staff(request: HttpRequest) -> bool:
    return request.user.is_active and bool(getattr(request.user, "is_staff", False))


def turned_away(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        raise PermissionDenied(_("These pages are for staff accounts."))
    if getattr(request, "htmx", False):
        return HttpResponseClientRefresh()
    return redirect_to_login(request.get_full_path())
