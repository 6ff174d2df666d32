from django.db import migrations, models


def _name():
    return models.CharField(
        blank=True, db_default="", default="", editable=False, max_length=150
    )


class Migration(migrations.Migration):
    # Each column by itself: no lock of one table is held while another is waited for.
    atomic = False

    dependencies = [("sync", "0021_look_ups_of_runs")]

    operations = [
        migrations.AddField("decision", "decided_by_name", _name()),
        migrations.AddField("preview", "asked_by_name", _name()),
        migrations.AddField("syncrun", "started_by_name", _name()),
        migrations.AddField("tagsync", "started_by_name", _name()),
    ]
