"""What every page's frame needs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "environment": settings.ENVIRONMENT,
        "flower_url": settings.FLOWER_URL,
    }
