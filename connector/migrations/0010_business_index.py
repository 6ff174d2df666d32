from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('connector', '0009_business_of_token'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='pexconnection',
            index=models.Index(fields=['business_id'], name='pex_of_business'),
        ),
    ]
