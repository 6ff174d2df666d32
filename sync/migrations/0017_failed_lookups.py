from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0016_marker_decisions_valid'),
    ]

    operations = [
        migrations.AddField(
            model_name='purchasesync',
            name='failed_lookups',
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
    ]
