"""Channels in the admin: checked by their kind, keys never shown."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.notification.models import Channel, Delivery

pytestmark = pytest.mark.django_db
KEY = "a-new-key-0123456789"


def form(**fields: Any) -> dict[str, Any]:
    basis = {"name": "hook", "kind": "webhook", "config": '{"url": "https://example.com/x"}'}
    return {**basis, "secret": "", "enabled": "on", "min_severity": "info", **fields}


def add(web: Client, **fields: Any) -> str:
    response = web.post(reverse("admin:notification_channel_add"), form(**fields))
    return response.content.decode()


def change_url(channel: Channel) -> str:
    return reverse("admin:notification_channel_change", args=[channel.pk])


def test_a_good_channel_is_added(admin_client: Client) -> None:
    add(admin_client, secret=KEY)
    channel = Channel.objects.get(name="hook")
    assert (channel.secret, channel.config) == (KEY, {"url": "https://example.com/x"})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"config": '{"url": "http://127.0.0.1/"}'}, "127.0.0.1"),
        ({"config": "{}"}, "url: Field required"),
        ({"config": "[1]"}, "Not usable"),
        ({"config": "no json"}, "valid JSON"),
        ({"kind": "fax"}, "valid choice"),
        ({"name": "In App!"}, "a-z, 0-9"),
        ({"name": "in-app"}, "already exists"),
        ({"secret": "short"}, "at least 16"),
        ({"kind": "mail", "config": '{"to": ["nobody"]}'}, "expected a mail address"),
    ],
)
def test_a_bad_channel_is_refused(admin_client: Client, fields: dict[str, str], words: str) -> None:
    before = Channel.objects.count()
    assert words in add(admin_client, **fields)
    assert Channel.objects.count() == before


def test_the_key_is_never_shown_and_stays_when_left_empty(admin_client: Client) -> None:
    channel = Channel.objects.create(name="hook", kind="webhook", config={"url": "https://e.com"}, secret=KEY)
    assert KEY not in admin_client.get(change_url(channel)).content.decode()
    admin_client.post(change_url(channel), form(min_severity="error"))
    channel.refresh_from_db()
    assert (channel.secret, channel.min_severity) == (KEY, "error")


def test_whoever_may_only_look_sees_neither_key_nor_address(client: Client, alice: User, grant: Any) -> None:
    grant("view_channel")
    client.force_login(alice)
    config = {"url": "https://e.com/secret-path"}
    channel = Channel.objects.create(name="hook", kind="webhook", config=config, secret=KEY)
    shown = client.get(change_url(channel)).content.decode()
    assert "hook" in shown
    assert KEY not in shown
    assert "secret-path" not in shown


def test_shipped_channels_are_disabled_rather_than_deleted(admin_client: Client) -> None:
    shipped = Channel.objects.get(name="in-app")
    response = admin_client.post(reverse("admin:notification_channel_delete", args=[shipped.pk]))
    assert response.status_code == 403


def test_a_channel_with_history_stays(admin_client: Client, delivery: Delivery) -> None:
    url = reverse("admin:notification_channel_delete", args=[delivery.channel_id])
    admin_client.post(url, {"post": "yes"})
    assert Channel.objects.filter(pk=delivery.channel_id).exists()


@pytest.mark.parametrize("model", ["channel", "notification", "delivery"])
def test_lists_and_pages_open(admin_client: Client, delivery: Delivery, model: str) -> None:
    row = {"channel": delivery.channel, "notification": delivery.notification, "delivery": delivery}[model]
    listed = admin_client.get(reverse(f"admin:notification_{model}_changelist"), {"q": "ops"})
    opened = admin_client.get(reverse(f"admin:notification_{model}_change", args=[row.pk]))
    assert (listed.status_code, opened.status_code) == (200, 200)


@pytest.mark.parametrize("model", ["notification", "delivery"])
def test_history_is_read_only(admin_client: Client, model: str) -> None:
    assert admin_client.get(reverse(f"admin:notification_{model}_add")).status_code == 403
