"""Settings that Django wants in pieces, taken from one URL."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SMTP_SCHEMES = {"smtp": {}, "smtp+tls": {"EMAIL_USE_TLS": True}, "smtps": {"EMAIL_USE_SSL": True}}
SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
SMTP_TIMEOUT_SECONDS = 20


def database_settings(url: str) -> dict[str, Any]:
    """PostgreSQL's; query parameters such as `sslmode` become libpq options."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, **dict(parse_qsl(parts.query))},
    }


def email_settings(url: str | None, folder: Path) -> dict[str, Any]:
    """Without a URL every mail becomes an .eml file in the folder."""
    if url is None:
        return {"EMAIL_BACKEND": "apps.email.files.EmlBackend", "EMAIL_FILE_PATH": str(folder)}
    parts = urlsplit(url)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme == "file":
        return {"EMAIL_BACKEND": "apps.email.files.EmlBackend", "EMAIL_FILE_PATH": parts.path}
    return {
        "EMAIL_BACKEND": "apps.email.smtp.SmtpBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or SMTP_PORTS[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_TIMEOUT": SMTP_TIMEOUT_SECONDS,
        **SMTP_SCHEMES[parts.scheme],
    }
