from django.contrib.postgres.operations import (
    AddIndexConcurrently,
    RemoveIndexConcurrently,
)
from django.db import migrations, models

# What is to be sent and no sync looks at waits for a person too. Queries of the release
# before, which ask for less, are served by these indexes as well.
_OPEN = (
    models.Q(status__in=("blocked", "failed"))
    | models.Q(needs_person=True)
    | models.Q(status="pending")
    & (
        models.Q(reasons__contains=[{"code": "outside_window"}])
        | models.Q(reasons__contains=[{"code": "gone_from_pex"}])
    )
)


class Migration(migrations.Migration):
    # An index that is built while others write cannot be built in a transaction.
    atomic = False

    dependencies = [("sync", "0017_failed_lookups")]

    operations = [
        AddIndexConcurrently(
            model_name="purchasesync",
            index=models.Index(
                fields=["tenant"],
                include=["id", "causes", "amount", "occurred_at", "cardholder"],
                condition=_OPEN,
                name="purchase_open_by_tenant",
            ),
        ),
        AddIndexConcurrently(
            model_name="purchasesync",
            index=models.Index(
                fields=["occurred_at"], condition=_OPEN, name="purchase_open_by_age"
            ),
        ),
        RemoveIndexConcurrently(model_name="purchasesync", name="purchase_open"),
        RemoveIndexConcurrently(
            model_name="purchasesync", name="purchase_open_longest"
        ),
    ]
