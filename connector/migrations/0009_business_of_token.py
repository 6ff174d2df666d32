from django.db import migrations, models

# Scheme and host of the address at which the business was told.
_PLACES = """
UPDATE connector_pexconnection
SET business_place = lower(substring(base_url FROM '^[^:]+://[^/?#]+'))
WHERE business_id IS NOT NULL AND base_url ~ '^[^:]+://[^/?#]+'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('connector', '0008_kind_titles'),
    ]

    operations = [
        migrations.AddField(
            model_name='pexconnection',
            name='business_place',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=300),
        ),
        migrations.AddField(
            model_name='pexconnection',
            name='checked_token',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='pexconnection',
            name='former_businesses',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='pexconnection',
            name='business_id',
            field=models.BigIntegerField(blank=True, editable=False, null=True, verbose_name='PEX business'),
        ),
        migrations.RunSQL(_PLACES, migrations.RunSQL.noop),
    ]
