"""Users and groups, in the same dress as the rest of the admin, and what they see.

An administrator manages people but makes nobody, not even themselves, a superuser, and
gives nobody what they have not themselves (`connector.models.access`). People are
deactivated and never deleted: what they did stays theirs. Each change of rights is in
the history of the person or group, with before and after.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from connector.admin.page import person
from connector.admin.visible import TypedAdmin
from connector.models import Tenant, TenantAccess
from connector.models.access import (
    groups_of,
    is_limited,
    may_manage,
    people_of,
    permissions_of,
)

admin.site.unregister(User)
admin.site.unregister(Group)

_FLAGS = {
    "is_active": "Active",
    "is_staff": "Staff status",
    "is_superuser": "Superuser status",
}
_OWN_RIGHTS = (*_FLAGS, "groups", "user_permissions")


class TenantAccessForm(ModelForm):  # type: ignore[type-arg]
    """`limits_only` is for who sees only some tenants: they let nobody see all."""

    limits_only = False

    class Meta:
        model = TenantAccess
        fields = ("is_limited", "tenants")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.cleaned_data["is_limited"]:
            return cleaned
        if self.limits_only:
            raise ValidationError(
                {
                    "is_limited": "You see only some tenants yourself, so you cannot "
                    "let others see all. Switch it on."
                }
            )
        if self.cleaned_data.get("tenants"):
            raise ValidationError(
                {
                    "is_limited": "Tenants are chosen below, but this is off, so all "
                    "would be seen. Switch it on, or choose no tenants."
                }
            )
        return cleaned


class TenantAccessInline(StackedInline):
    """Who may change people and groups may change what others see, never what they see
    themselves."""

    model = TenantAccess
    form = TenantAccessForm
    hide_title = True
    autocomplete_fields = ("tenants",)
    extra = 1
    max_num = 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        limits_only = {"limits_only": is_limited(person(request))}
        options["form"] = type("TenantAccessForm", (self.form,), limits_only)
        return super().get_formset(request, obj, **options)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **options: Any
    ) -> Any:
        options["queryset"] = Tenant.objects.visible_to(person(request))
        return super().formfield_for_manytomany(db_field, request, **options)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_limit(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any) -> bool:
        return self._may_limit(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_limit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_limit(request, obj) and not is_limited(person(request))

    def _may_limit(self, request: HttpRequest, obj: Any) -> bool:
        manages = request.user.has_perms(("auth.change_user", "auth.change_group"))
        return manages and obj != request.user


class RightsAdmin(TypedAdmin):
    """Keeps each change of somebody's rights in the history, with before and after."""

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        form.rights_before = _rights_of(type(obj), obj.pk) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        after = _rights_of(type(form.instance), form.instance.pk)
        changes = [
            f"{name}: {form.rights_before.get(name, '–')} → {after[name]}"
            for name in after
            if form.rights_before.get(name, "–") != after[name]
        ]
        if changes:
            sentence = f"Rights changed. {'; '.join(changes)}."
            self.log_change(request, form.instance, sentence)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, RightsAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ("user_permissions",)
    autocomplete_fields = ("groups",)
    inlines = (TenantAccessInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people: QuerySet[User] = super().get_queryset(request)
        return people.filter(pk__in=people_of(person(request)).values("pk"))

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        """A superuser sees all, and a new person is given a name first."""
        return () if obj is None or obj.is_superuser else self.inlines

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nobody changes their own rights, and groups are for who may change groups."""
        fields = super().get_readonly_fields(request, obj)
        if obj is not None and obj == request.user:
            return (*fields, *_OWN_RIGHTS)
        if request.user.is_superuser:
            return fields
        if not request.user.has_perm("auth.change_group"):
            fields = (*fields, "groups")
        return (*fields, "is_superuser", "user_permissions")

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **options: Any
    ) -> Any:
        if db_field.name == "groups":
            options["queryset"] = groups_of(person(request))
        return super().formfield_for_manytomany(db_field, request, **options)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or may_manage(person(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody is deleted: what they decided would be nobody's."""
        return False

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool
    ) -> None:
        """Who sees only some tenants takes nobody out of what limits them."""
        obj, actor = form.instance, person(request)
        limits = Group.objects.none()
        if change and is_limited(actor):
            limits = obj.groups.filter(tenant_access__is_limited=True)
        kept = list(limits)
        super().save_related(request, form, formsets, change)
        taken = set(kept) - set(obj.groups.all())
        obj.groups.add(*taken)
        for group in taken:
            messages.warning(
                request,
                f"{obj} stays in {group}, which says what its members see: only who "
                "sees all tenants takes somebody out of it.",
            )

    def save_model(
        self, request: HttpRequest, obj: User, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        actor = person(request)
        if not change and is_limited(actor):
            # Until somebody says otherwise, as much as who made them, and no more.
            access = TenantAccess.objects.create(user=obj, is_limited=True)
            access.tenants.set(Tenant.objects.visible_to(actor))


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, RightsAdmin):
    """A group is everybody's who is in it, so only who sees all tenants changes one."""

    inlines = (TenantAccessInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        groups: QuerySet[Group] = super().get_queryset(request)
        actor = person(request)
        return groups.filter(pk__in=groups_of(actor)) if is_limited(actor) else groups

    def formfield_for_manytomany(
        self, db_field: Any, request: Any = None, **options: Any
    ) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **options)
        if db_field.name == "permissions":
            mine = permissions_of(person(request)).values("pk")
            field.queryset = field.queryset.filter(pk__in=mine)
        return field

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not is_limited(person(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_delete_permission(request, obj)
        return may and self._may_touch(request, obj)

    def _may_touch(self, request: HttpRequest, group: Group | None) -> bool:
        actor = person(request)
        if is_limited(actor):
            return False
        return group is None or groups_of(actor).filter(pk=group.pk).exists()


def _rights_of(model: type[Model], pk: Any) -> dict[str, str]:
    """What decides about what the person or the group's members may and see."""
    row: Any = model._default_manager.get(pk=pk)
    access = TenantAccess.objects.filter(**{model._meta.model_name or "": row}).first()
    seen = "all"
    if access is not None and access.is_limited:
        seen = _names(access.tenants.all()) if access.tenants.exists() else "none"
    rights = {"Tenants": seen}
    if isinstance(row, User):
        rights |= {
            title: "yes" if getattr(row, name) else "no"
            for name, title in _FLAGS.items()
        }
        rights["Groups"] = _names(row.groups.all())
    permissions: QuerySet[Permission] = (
        row.user_permissions if isinstance(row, User) else row.permissions
    ).all()
    rights["Permissions"] = _names(permissions)
    return rights


def _names(rows: QuerySet[Any]) -> str:
    return ", ".join(sorted(str(each) for each in rows)) or "none"
