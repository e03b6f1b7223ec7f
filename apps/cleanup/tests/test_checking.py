"""A bad policy stops the start, and the message names the app and the field."""

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db.models import Q

from apps.cleanup import retention
from apps.cleanup.checking import check_policies
from apps.cleanup.tests.conftest import Register
from apps.jobs.retention import FolderPolicy


def messages() -> list[str]:
    return [message.msg for message in check_policies()]


def test_the_policies_of_all_apps_are_sound() -> None:
    assert messages() == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"keep_days": 0}, "keep_days: expected a whole number from 1 to 36500, got 0"),
        ({"keep_days": True}, "keep_days: expected a whole number from 1 to 36500, got True"),
        ({"keep_days": "30"}, "keep_days: expected a whole number from 1 to 36500, got '30'"),
        ({"keep_days": 40_000}, "keep_days: expected a whole number from 1 to 36500, got 40000"),
        ({"model": "auth.Usr"}, "model: expected one such as 'app_label.Model', got 'auth.Usr'"),
        ({"model": "User"}, "model: expected one such as 'app_label.Model', got 'User'"),
        ({"model": None}, "model: expected one such as 'app_label.Model', got None"),
        ({"timestamp": "joined"}, "timestamp: auth.User has no field 'joined'"),
        ({"timestamp": "username"}, "timestamp: expected a DateField, and 'username' is a CharField"),
        ({"files": ("photo",)}, "files: auth.User has no field 'photo'"),
        ({"files": ("email",)}, "files: expected a FileField, and 'email' is a EmailField"),
        ({"only": {"actve": True}}, "only: Cannot resolve keyword 'actve'"),
        ({"where": lambda: (Q(actve=True),)}, "where: Cannot resolve keyword 'actve'"),
        ({"only": {"id": "many"}}, "only: Field 'id' expected a number but got 'many'"),
        ({"only": {"date_joined__year__gt": "x"}}, "only:"),
    ],
)
def test_a_wrong_field_is_named(register: Register, fields: dict[str, Any], problem: str) -> None:
    register(**fields)
    (message,) = messages()
    assert message.startswith(f"apps.cleanup.retention: 'old users': {problem}")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", None])
def test_a_name_is_one_short_line(register: Register, name: Any) -> None:
    register(name)
    (message,) = messages()
    assert "name: expected 1 to 100 visible characters" in message


def test_two_policies_can_not_share_a_name(register: Register) -> None:
    register("job results")
    found = messages()
    assert "apps.jobs.retention: 'job results': name: another policy has the same" in found
    assert "apps.cleanup.retention: 'job results': name: another policy has the same" in found


def test_something_else_in_the_list_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "POLICIES", ["sessions"])
    assert messages() == ["apps.cleanup.retention: expected a RetentionPolicy, got 'sessions'"]


@pytest.mark.parametrize("folder", ["", "/", "/etc", "..", "imports/../..", "."])
def test_a_folder_lies_inside_the_storage(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr(retention, "FOLDERS", [FolderPolicy(folder, 7)], raising=False)
    (message,) = messages()
    assert "folder: expected one inside the storage" in message


def test_manage_check_fails(register: Register) -> None:
    register(keep_days=-1)
    with pytest.raises(SystemCheckError, match="apps.cleanup.retention: 'old users': keep_days"):
        call_command("check")
