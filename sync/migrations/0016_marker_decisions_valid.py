from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0015_marker_decisions'),
    ]

    operations = [
        ValidateConstraint(
            model_name='decision',
            name='decision_kind_known',
        ),
    ]
