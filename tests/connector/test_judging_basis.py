"""Which settings a judgement hangs on: their fingerprint."""

from __future__ import annotations

from connector.models import FieldMapping
from connector.models.judging_basis import MATTERS, basis_of
from tests.support.rows import add_meaning


def test_every_setting_either_counts_or_is_known_not_to(tenant):
    """A new field of these tables has to be put into one of the two."""
    ignored = {
        "TransactionSettings": {"start_date", "end_date", "after_lost_answer"},
        "PexConnection": {
            "token",
            "token_expires_at",
            "checked_token",
            "business_place",
            "former_businesses",
            "business_name",
            "username",
            "tags",
            "cardholders",
            "cardholders_read_at",
        },
        "CmicConnection": {"password", "oauth_client_secret", "modules"},
        "FieldMapping": {
            "sync_options",
            "label",
            "only_statuses",
            "only_prefixes",
            "excluded_codes",
        },
        "TagMeaning": {"chosen_by", "chosen_at", "folded"},
    }
    of_each = {"id", "tenant", "checked_at", "is_ok", "check_message"}
    of_each |= {"credentials_changed_at", "is_disconnected"}
    for model, names in MATTERS.items():
        every = {field.name for field in model._meta.concrete_fields} - of_each
        assert every == set(names) | ignored[model.__name__]


def test_each_setting_that_counts_changes_the_fingerprint(tenant):
    add_meaning(tenant)
    # Makes room for its field in another row.
    FieldMapping.objects.filter(field="cost_type_tran_code").delete()
    seen = {basis_of(tenant.pk)}
    counting = [(model, name) for model, names in MATTERS.items() for name in names]
    for model, name in counting:
        rows = model.objects.filter(tenant=tenant)
        if model is FieldMapping:
            has_tag = name in ("field", "tag", "default_value")
            rows = rows.exclude(tag="") if has_tag else rows.filter(tag="")
        row = rows.order_by("pk").last()
        choices = [key for key, _ in model._meta.get_field(name).choices or ()]
        model.objects.filter(pk=row.pk).update(
            **{name: _other(getattr(row, name), choices[::-1])}
        )
        seen.add(basis_of(tenant.pk))
    assert len(seen) == 1 + len(counting)


def _other(value, choices):
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {"header": "ANOTHER"}
    if value is None or isinstance(value, int):
        return (value or 0) + 1
    return next((each for each in choices if each != value), f"{value}x"[-8:])
