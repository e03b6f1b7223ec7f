from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("canvas", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="chord",
            name="size",
            field=models.BigIntegerField(null=True, verbose_name="size"),
        ),
    ]
