"""What is put on the audit list by itself, whichever page, command or shell did it:
logins, log-outs, passwords, and what decides about anybody's rights.

Files that are taken along are recorded by the pages that answer with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import (
    user_logged_in,
    user_logged_out,
    user_login_failed,
)
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save
from django.dispatch import receiver

from audit.models import Entry
from audit.recording import record
from connector.models import Tenant, TenantAccess

_FLAGS = {
    "is_active": "active",
    "is_staff": "staff",
    "is_superuser": "superuser",
}
_WATCHED = ("username", "password", *_FLAGS)
_BEFORE = "_audit_before"


@receiver(user_logged_in)
def note_login(user: Any, request: Any, **signal: Any) -> None:
    sentence = f"{user.get_username()} logged in."
    record(Entry.Kind.LOGIN, sentence, person=user, request=request)


@receiver(user_logged_out)
def note_logout(user: Any, request: Any, **signal: Any) -> None:
    if user is not None:
        sentence = f"{user.get_username()} logged out."
        record(Entry.Kind.LOGOUT, sentence, person=user, request=request)


@receiver(user_login_failed)
def note_failed_login(
    credentials: dict[str, Any], request: Any = None, **signal: Any
) -> None:
    """A name that no account has may be a password in the wrong field: not kept. What
    is tried while a login is locked could fill the list, and is not kept either."""
    is_locked = getattr(request, "axes_locked_out", False)
    if is_locked and request.axes_failures_since_start is None:
        return
    name = str(credentials.get("username") or "").replace("\0", "")
    account = User.objects.filter(username=name).first()
    if account is None:
        sentence = "A login failed: no account has the name that was entered."
    elif not account.is_active:
        sentence = f"A login as {name} failed: the account is deactivated."
    else:
        sentence = f"A login as {name} failed: the password was wrong."
    record(Entry.Kind.FAILED_LOGIN, sentence, person=account, request=request)


@receiver(pre_save, sender=User)
def see_account(instance: Any, update_fields: Any, **signal: Any) -> None:
    written = set(_WATCHED) & set(_WATCHED if update_fields is None else update_fields)
    before = None
    if written and instance.pk:
        before = User.objects.filter(pk=instance.pk).values(*written).first()
    setattr(instance, _BEFORE, before)


@receiver(post_save, sender=User)
def note_account(
    instance: Any, created: bool, update_fields: Any, **signal: Any
) -> None:
    name = instance.get_username()
    if created:
        flags = [word for flag, word in _FLAGS.items() if getattr(instance, flag)]
        sentence = f"The account {name} was added: {_listed(flags)}."
        record(Entry.Kind.RIGHTS, sentence)
        return
    before = getattr(instance, _BEFORE, None) or {}
    changed = {
        each for each, value in before.items() if getattr(instance, each) != value
    }
    if "username" in changed:
        sentence = f"The account {before['username']} was renamed to {name}."
        record(Entry.Kind.RIGHTS, sentence)
    for flag in [each for each in _FLAGS if each in changed]:
        verb = "was given" if getattr(instance, flag) else "lost"
        sentence = f"{name} {verb} the status “{_FLAGS[flag]}”."
        record(Entry.Kind.RIGHTS, sentence)
    if "password" in changed and not _is_hashed_anew(instance, update_fields):
        record(Entry.Kind.PASSWORD, f"The password of {name} was changed.")


def _is_hashed_anew(user: Any, update_fields: Any) -> bool:
    """Whether a login only stored the same password by a newer method."""
    is_alone = update_fields is not None and set(update_fields) == {"password"}
    return is_alone and user._password is None and user.has_usable_password()


@receiver(pre_save, sender=TenantAccess)
def see_access(instance: Any, **signal: Any) -> None:
    before = TenantAccess.objects.filter(pk=instance.pk).first()
    setattr(instance, _BEFORE, before.is_limited if before else False)


@receiver(post_save, sender=TenantAccess)
def note_access(instance: Any, **signal: Any) -> None:
    if instance.is_limited != getattr(instance, _BEFORE):
        now = "only some tenants" if instance.is_limited else "all tenants"
        record(Entry.Kind.RIGHTS, f"{_owner(instance)} sees {now} now.")


@receiver(pre_delete, sender=TenantAccess)
def note_access_gone(instance: Any, **signal: Any) -> None:
    if instance.is_limited:
        sentence = f"{_owner(instance)} is not limited to some tenants any more."
        record(Entry.Kind.RIGHTS, sentence)


@receiver(pre_delete, sender=Group)
def note_group_gone(instance: Any, **signal: Any) -> None:
    members = _listed(instance.user_set.values_list("username", flat=True))
    sentence = f"The group {instance} was deleted. In it were: {members}."
    record(Entry.Kind.RIGHTS, sentence)


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
@receiver(m2m_changed, sender=TenantAccess.tenants.through)
def note_rights(
    sender: Any,
    instance: Any,
    action: str,
    reverse: bool,
    model: Any,
    pk_set: Any,
    **signal: Any,
) -> None:
    """One row for each owner of rights; from the other side there may be several."""
    verb = {"post_add": "was given", "post_remove": "lost", "pre_clear": "lost"}
    if action not in verb:
        return
    others = _others(sender, instance, reverse, model, pk_set)
    pairs = [(other, [instance]) for other in others] if reverse else []
    for owner, given in pairs or ([(instance, others)] if others else []):
        names = _listed(_named(each) for each in given)
        record(Entry.Kind.RIGHTS, f"{_owner(owner)} {verb[action]}: {names}.")


def _others(
    sender: Any, instance: Any, reverse: bool, model: Any, pk_set: Any
) -> list[Any]:
    """The rows that were put to the instance or taken from it; all that are cleared."""
    if pk_set is not None:
        return list(model._default_manager.filter(pk__in=pk_set))
    name = type(instance)._meta.model_name
    mine = sender._default_manager.filter(**{name: instance.pk})
    key = model._meta.model_name
    return list(model._default_manager.filter(pk__in=mine.values(key)))


def _owner(owner: Any) -> str:
    if isinstance(owner, TenantAccess):
        owner = owner.user or owner.group
    return f"The group {owner}" if isinstance(owner, Group) else str(owner)


def _named(right: Any) -> str:
    if isinstance(right, Permission):
        return f"the permission “{right.name}”"
    return f"the {'tenant' if isinstance(right, Tenant) else 'group'} {right}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"
