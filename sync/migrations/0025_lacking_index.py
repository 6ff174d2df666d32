from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # An index that is built while others write cannot be built in a transaction.
    atomic = False

    dependencies = [("sync", "0024_lacks_receipt")]

    operations = [
        AddIndexConcurrently(
            model_name="purchasesync",
            index=models.Index(
                fields=["tenant", "posting_at"],
                condition=models.Q(lacks_receipt=True),
                name="purchase_lacks_receipt",
            ),
        ),
    ]
