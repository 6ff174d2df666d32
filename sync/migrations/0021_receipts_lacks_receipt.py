from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("sync", "0020_stages_of_runs")]

    operations = [
        migrations.AddField(
            model_name="purchasesync",
            name="lacks_receipt",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
