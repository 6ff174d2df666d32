from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('connector', '0013_deeds'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicaltransactionsettings',
            name='unusable_receipts',
            field=models.CharField(choices=[('send', 'send the purchase with “No Attachment”, and tell'), ('hold', 'hold the purchase until there is a usable one')], db_default='send', default='send', help_text='When PEX has receipts of a purchase and none of them opens.', max_length=10, verbose_name='receipts that cannot be used'),
        ),
        migrations.AddField(
            model_name='transactionsettings',
            name='unusable_receipts',
            field=models.CharField(choices=[('send', 'send the purchase with “No Attachment”, and tell'), ('hold', 'hold the purchase until there is a usable one')], db_default='send', default='send', help_text='When PEX has receipts of a purchase and none of them opens.', max_length=10, verbose_name='receipts that cannot be used'),
        ),
    ]
