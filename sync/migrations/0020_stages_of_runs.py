from django.db import migrations, models


class Migration(migrations.Migration):
    # Apart from the columns of purchases: workers lock a run and then its purchases, and
    # one transaction that alters both would meet them half-way.

    dependencies = [
        ('sync', '0019_database_clock'),
    ]

    operations = [
        migrations.AddField(
            model_name='syncrun',
            name='judged_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='syncrun',
            name='judged_with',
            field=models.CharField(blank=True, db_default='', default='', max_length=32),
        ),
        migrations.AddField(
            model_name='syncrun',
            name='remarks',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name='syncrun',
            name='restart_count',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='syncrun',
            name='tags_synced_at',
            field=models.DateTimeField(null=True),
        ),
    ]
