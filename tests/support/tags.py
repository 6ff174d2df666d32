"""What tests of tag options share: a tenant whose tags follow CMiC, and both books."""

from __future__ import annotations

from connector.models import Tenant
from sync.engine.judging.context import TenantContext
from sync.engine.tags.planning import shown_of
from sync.engine.tags.sync import look_at_tags, read_lists, sync_tags
from tests.simulators.pex.tags import JOB, PHASE, Option

FIELDS = {JOB: "job_dept_eqp", PHASE: "cost_code_account_category"}


def follow(tenant, *tags, **changes):
    """Switch *Sync tag* on for these mappings."""
    tenant.mappings.filter(field__in=[FIELDS[tag] for tag in tags]).update(
        sync_options=True, **changes
    )
    return Tenant.objects.get(pk=tenant.pk)


def sync(tenant, **options):
    """As the command does it: CMiC's lists first; the rows of what was done."""
    context = TenantContext(Tenant.objects.get(pk=tenant.pk))
    read_lists(context)
    return sync_tags(context, **options)


def disable(tenant, tag, **options):
    """As a person does it: look at what waits of this tag, and say yes to that."""
    context = TenantContext(Tenant.objects.get(pk=tenant.pk))
    read_lists(context)
    (look,) = [
        each
        for each in look_at_tags(context)
        if each.target.mapping.field == FIELDS[tag]
    ]
    shown = {FIELDS[tag]: shown_of(look.target, look.difference)}
    return sync_tags(context, disable_all=shown, **options)


def set_options(pex, tag, *options):
    definition = pex.tag_book.named(tag)
    definition.options = tuple(Option(*each) for each in options)
    definition.restricted = frozenset()


def listed(pex, tag=JOB):
    """Value → (name, enabled) of the options that PEX has."""
    return {each.value: (each.name, each.is_enabled) for each in pex.options(tag)}


def writes(pex):
    """The calls that change a tag."""
    return [
        call
        for call in pex.calls
        if call.method != "GET" and "/tag" in call.path.lower()
    ]
