"""How the admin looks: names, colours and the sidebar, as Unfold's settings.

The sidebar lists what is registered in the admin and what the reader may see, in these groups.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Group:
    """First `models` ("app.model", in this order), then all others of `apps`.

    `page` is the URL name of the group's page on the site.
    """

    title: Any
    apps: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    page: str = ""


PAGES = (
    ("console:home", _("Overview"), "monitoring"),
    ("console:run", _("Run a task"), "play_circle"),
)
GROUPS = (
    Group(
        _("Jobs"),
        models=("django_celery_results.taskresult", "django_celery_results.groupresult"),
        apps=("jobs", "batches", "gate", "canvas", "messaging"),
        page="console:jobs",
    ),
    Group(
        _("Schedules"),
        models=(
            "django_celery_beat.periodictask",
            "django_celery_beat.intervalschedule",
            "django_celery_beat.crontabschedule",
            "django_celery_beat.clockedschedule",
            "django_celery_beat.solarschedule",
        ),
    ),
    Group(_("Email"), apps=("email",), page="email:home"),
    Group(_("Data"), apps=("data",), page="data:home"),
    Group(_("Reports"), apps=("report",), page="report:home"),
    Group(_("Notifications"), apps=("notification",), page="notification:home"),
    Group(_("Cleanup"), apps=("cleanup",), page="cleanup:home"),
    Group(_("People"), apps=("auth",)),
)
TITLES = {
    "django_celery_beat.periodictask": _("Schedules"),
    "django_celery_beat.intervalschedule": _("Intervals"),
    "django_celery_beat.crontabschedule": _("Crontabs"),
    "django_celery_beat.clockedschedule": _("Single times"),
    "django_celery_beat.solarschedule": _("Sun"),
    "django_celery_results.taskresult": _("Results"),
    "django_celery_results.groupresult": _("Group results"),
}
ICONS = {
    "django_celery_beat.periodictask": "schedule",
    "django_celery_beat.intervalschedule": "timer",
    "django_celery_beat.crontabschedule": "calendar_month",
    "django_celery_beat.clockedschedule": "event",
    "django_celery_beat.solarschedule": "wb_sunny",
    "django_celery_results.taskresult": "task_alt",
    "django_celery_results.groupresult": "account_tree",
    "batches.batch": "stacks",
    "canvas.chord": "account_tree",
    "gate.pause": "pause_circle",
    "gate.limitsetting": "speed",
    "jobs.hold": "hourglass_empty",
    "auth.user": "person",
    "auth.group": "group",
}
APP_ICONS = {
    "email": "mail",
    "data": "database",
    "report": "bar_chart",
    "notification": "notifications",
    "cleanup": "mop",
}
OTHER_ICON = "table_rows"


def environment(request: HttpRequest) -> list[str]:
    """The badge at the top; production is red, so that nobody takes it for something else."""
    names = {"development": _("Development"), "production": _("Production")}
    tone = "danger" if settings.ENVIRONMENT == "production" else "info"
    return [str(names.get(settings.ENVIRONMENT, settings.ENVIRONMENT)), tone]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    links = model_links(request)
    site = [page_link(name, title, icon) for name, title, icon in PAGES]
    groups = [{"title": group.title, "items": taken(links, group)} for group in GROUPS]
    others = {"title": _("More"), "items": list(links.values())}
    return [
        {"title": "", "items": [link for link in site if link]},
        *(group for group in [*groups, others] if group["items"]),
    ]


def model_links(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """By "app.model", of the models that this person may see."""
    from django.contrib import admin  # models can't be loaded together with the settings

    return {
        label: {
            "title": TITLES.get(label) or capfirst(model["name"]),
            "icon": ICONS.get(label) or APP_ICONS.get(label.split(".")[0], OTHER_ICON),
            "link": model["admin_url"],
        }
        for app in admin.site.get_app_list(request)
        for model in app["models"]
        if model["admin_url"]
        for label in [model["model"]._meta.label_lower]  # noqa: SLF001 - Django's documented API
    }


def taken(links: dict[str, dict[str, Any]], group: Group) -> list[dict[str, Any]]:
    """The links of the group, which leave the rest to the groups after it."""
    page = page_link(group.page, _("On the site"), "arrow_outward") if group.page else None
    listed = [label for label in group.models if label in links]
    listed += [label for label in links if label.split(".")[0] in group.apps and label not in listed]
    return [*([page] if page else []), *(links.pop(label) for label in listed)]


def page_link(name: str, title: Any, icon: str) -> dict[str, Any] | None:
    """None while the site has no such page."""
    try:
        return {"title": title, "icon": icon, "link": reverse(name), "active": False}
    except NoReverseMatch:
        return None


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Switchyard",
    "SITE_HEADER": "Switchyard",
    "SITE_SUBHEADER": _("Jobs and schedules"),
    "SITE_URL": "/",
    "SITE_SYMBOL": "conversion_path",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("switchyard/favicon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": environment,
    "STYLES": [lambda request: static("switchyard/admin.css")],
    "SIDEBAR": {"show_search": True, "navigation": navigation},
    "BORDER_RADIUS": "6px",
    # The greys of static/switchyard/app.css are Unfold's own; the accent is ours.
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .012 255)",
            "100": "oklch(94.5% .028 255)",
            "200": "oklch(89% .055 255)",
            "300": "oklch(82.5% .085 255)",
            "400": "oklch(76% .11 255)",
            "500": "oklch(68% .14 256)",
            "600": "oklch(50% .16 258)",
            "700": "oklch(44% .16 259)",
            "800": "oklch(38% .13 260)",
            "900": "oklch(33% .1 261)",
            "950": "oklch(25% .07 262)",
        }
    },
}
