from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("running", "0001_initial")]

    operations = [
        migrations.AlterField("cursor", "attempt", models.BigIntegerField("attempt", default=0)),
    ]
