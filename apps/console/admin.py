"""People: users and groups, with permissions that read like sentences."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Case, Count, When
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from apps.jobs import catalog
from apps.jobs.permissions import codename

TASKS_FIRST = Case(When(content_type__model="runnabletask", then=0), default=1)
ORDER = ("content_type__app_label", "content_type__model", "codename")

admin.site.unregister([User, Group])


class PermissionChoices(forms.ModelMultipleChoiceField[Permission]):
    """`Email: run Send email` instead of `Jobs | task | Can run apps.email.tasks.send_email_task`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tasks = {codename(name): name for name in catalog.tasks()}

    def label_from_instance(self, obj: Any) -> str:
        if obj.content_type.model == "runnabletask" and obj.codename in self.tasks:
            name = self.tasks[obj.codename]
            wording = {"family": catalog.family(name).capitalize(), "task": catalog.title(name)}
            return _("Run a task: %(family)s, %(task)s") % wording
        return f"{obj.content_type.app_labeled_name.replace(' | ', ', ')}: {_(obj.name)}"


class ReadablePermissions:
    """Mixed into an admin with a field of permissions."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.remote_field.model is Permission:
            found = Permission.objects.select_related("content_type")
            kwargs |= {"form_class": PermissionChoices, "queryset": found.order_by(TASKS_FIRST, *ORDER)}
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


@admin.register(User)
class UserAdmin(ReadablePermissions, DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter_submit = True
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


@admin.register(Group)
class GroupAdmin(ReadablePermissions, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "people")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(people=Count("user"))

    @admin.display(description=gettext_lazy("People"), ordering="people")
    def people(self, group: Any) -> int:
        return int(group.people)
