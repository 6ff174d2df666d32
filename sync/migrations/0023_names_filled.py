from django.conf import settings
from django.db import migrations
from django.db.models import OuterRef, Subquery

_ROWS = 2000
_KEYS = {
    "decision": "decided_by",
    "preview": "asked_by",
    "syncrun": "started_by",
    "tagsync": "started_by",
}


def fill(apps, schema_editor):
    """Names of those whose accounts are there, a few rows at a time."""
    users = apps.get_model(settings.AUTH_USER_MODEL).objects
    for model, key in _KEYS.items():
        rows = apps.get_model("sync", model).objects.order_by("pk")
        nameless = rows.filter(**{f"{key}_name": ""}).exclude(**{key: None})
        name = users.filter(pk=OuterRef(key)).values("username")
        last = 0
        while keys := list(nameless.filter(pk__gt=last).values_list("pk", flat=True)[:_ROWS]):
            rows.filter(pk__in=keys, **{f"{key}_name": ""}).order_by().update(
                **{f"{key}_name": Subquery(name)}
            )
            last = keys[-1]


class Migration(migrations.Migration):
    # Each few rows by themselves: nobody waits for all of them.
    atomic = False

    dependencies = [
        ("sync", "0022_names_of_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
