"""The admin's frame: people, permissions that read well, the sidebar, the badge."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from apps.jobs.permissions import codename, create_run_permissions
from apps.jobs.tests import sample_tasks

ADD = str(sample_tasks.add_task.name)
USERS, GROUPS = "/admin/auth/user/", "/admin/auth/group/"


@pytest.fixture(autouse=True)
def run_permissions(db: None) -> None:
    create_run_permissions(apps.get_app_config("jobs"))


def text(client: Client, url: str) -> str:
    page = client.get(url)
    assert page.status_code == 200
    return page.content.decode()


def test_people_and_groups_open(admin_client: Client, staff: User) -> None:
    group = Group.objects.create(name="Mailers")
    staff.groups.add(group)
    pages = [USERS, f"{USERS}add/", f"{USERS}{staff.pk}/change/", f"{USERS}{staff.pk}/password/"]
    pages += [GROUPS, f"{GROUPS}add/", f"{GROUPS}{group.pk}/change/"]
    assert all(text(admin_client, page) for page in pages)


def test_the_permission_to_run_a_task_reads_like_a_sentence(admin_client: Client, staff: User) -> None:
    for page in (f"{USERS}{staff.pk}/change/", f"{GROUPS}add/"):
        shown = text(admin_client, page)
        assert "Run a task: Jobs, Add" in shown
        assert "Schedules, schedule: Can run a schedule now" in shown
        assert shown.index("Run a task:") < shown.index("Can add log entry")


def test_a_permission_given_in_the_form_counts(admin_client: Client) -> None:
    permission = Permission.objects.get(codename=codename(ADD))
    admin_client.post(f"{GROUPS}add/", {"name": "Adders", "permissions": [permission.pk]})
    bob = User.objects.create_user("bob", is_staff=True)
    bob.groups.add(Group.objects.get(name="Adders"))
    assert bob.has_perm(f"jobs.{codename(ADD)}")


def test_a_person_is_made_with_a_password(admin_client: Client) -> None:
    data = {"username": "bob", "usable_password": "true", "password1": "kq81-zzt", "password2": "kq81-zzt"}
    assert admin_client.post(f"{USERS}add/", data).status_code == 302
    assert User.objects.get(username="bob").check_password("kq81-zzt")


def test_permissions_are_listed_with_one_query(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        text(admin_client, f"{GROUPS}add/")


def groups_of_sidebar(client: Client) -> dict[str, list[str]]:
    navigation = client.get("/admin/").context["sidebar_navigation"]
    return {str(group["title"]): [str(item["title"]) for item in group["items"]] for group in navigation}


def test_the_sidebar_is_sorted_by_what_people_look_for(admin_client: Client) -> None:
    groups = groups_of_sidebar(admin_client)
    assert list(groups)[1:3] == ["Jobs", "Schedules"]
    assert list(groups)[-1] in {"People", "More"}
    assert groups["Schedules"] == ["Schedules", "Intervals", "Crontabs", "Single times", "Sun"]
    assert groups["People"] == ["Groups", "Users"]


def test_the_sidebar_shows_only_what_one_may_see(staff: User, client: Client) -> None:
    client.force_login(staff)
    assert not {"Schedules", "People"} & groups_of_sidebar(client).keys()
    staff.user_permissions.add(Permission.objects.get(codename="view_periodictask"))
    assert groups_of_sidebar(client)["Schedules"] == ["Schedules"]


def test_every_link_of_the_sidebar_opens(admin_client: Client) -> None:
    navigation = admin_client.get("/admin/").context["sidebar_navigation"]
    links = [str(item["link"]) for group in navigation for item in group["items"]]
    assert [link for link in links if admin_client.get(link).status_code != 200] == []


@pytest.mark.parametrize(
    ("environment", "word", "tone"),
    [
        ("development", "Development", "blue"),
        ("production", "Production", "red"),
        ("staging", "staging", "blue"),
    ],
)
def test_the_badge_says_where_one_is(
    admin_client: Client, settings: Any, environment: str, word: str, tone: str
) -> None:
    settings.ENVIRONMENT = environment
    page = text(admin_client, "/admin/")
    assert word in page
    assert f"bg-{tone}-100" in page
