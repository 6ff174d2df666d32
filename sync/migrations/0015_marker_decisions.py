from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0014_judged_lately'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='decision',
            name='decision_kind_known',
        ),
        migrations.AlterField(
            model_name='decision',
            name='kind',
            field=models.CharField(choices=[('is_there', 'It is there'), ('send_again', 'Send again'), ('retry', 'Retry'), ('mark_synced', 'Mark as synced'), ('marker_written', 'Marker written by hand'), ('no_marker', 'Leave without marker')], max_length=20),
        ),
        # Looking at the rows that are there would lock the table for as long.
        AddConstraintNotValid(
            model_name='decision',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('is_there', 'send_again', 'retry', 'mark_synced', 'marker_written', 'no_marker'))), name='decision_kind_known'),
        ),
    ]
