"""Users and groups, in the same dress as the rest of the admin, and what they see.

An administrator manages people but makes nobody, not even themselves, a superuser.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from connector.admin.visible import TypedAdmin
from connector.models import TenantAccess

admin.site.unregister(User)
admin.site.unregister(Group)


class TenantAccessForm(ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = TenantAccess
        fields = ("is_limited", "tenants")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.cleaned_data.get("tenants") and not self.cleaned_data["is_limited"]:
            raise ValidationError(
                {
                    "is_limited": "Tenants are chosen below, but this is off, so all "
                    "would be seen. Switch it on, or choose no tenants."
                }
            )
        return cleaned


class TenantAccessInline(StackedInline):
    """Who may change people may change what they see, and nobody else."""

    model = TenantAccess
    form = TenantAccessForm
    hide_title = True
    autocomplete_fields = ("tenants",)
    extra = 1
    max_num = 1

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._manages_people(request)

    def has_add_permission(self, request: HttpRequest, obj: Any) -> bool:
        return self._manages_people(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._manages_people(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._manages_people(request)

    def _manages_people(self, request: HttpRequest) -> bool:
        return request.user.has_perms(("auth.change_user", "auth.change_group"))


@admin.register(User)
class UserAdmin(DjangoUserAdmin, TypedAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ("user_permissions",)
    autocomplete_fields = ("groups",)
    inlines = (TenantAccessInline,)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        """A superuser sees all, and a new person is given a name first."""
        return () if obj is None or obj.is_superuser else self.inlines

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return fields
        return (*fields, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Superusers are for superusers: their password would be a way to become one."""
    return user is None or not user.is_superuser or bool(request.user.is_superuser)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, TypedAdmin):
    inlines = (TenantAccessInline,)
