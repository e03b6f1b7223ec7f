from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.monitoring.probing import probe_all


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """This process answers. Touches no server."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every server answers and migrations are applied, else 503 with what is missing."""
    found = probe_all()
    fine = all(outcome == "ok" for outcome in found.values())
    return JsonResponse({"status": "ok" if fine else "not ready", **found}, status=200 if fine else 503)
