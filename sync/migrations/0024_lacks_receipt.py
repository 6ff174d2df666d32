from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("sync", "0023_names_filled")]

    operations = [
        migrations.AddField(
            model_name="purchasesync",
            name="lacks_receipt",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
