from django.db import migrations


class Migration(migrations.Migration):
    """Retention goes by the time at which a key was taken, which older rows don't have."""

    dependencies = [("jobs", "0007_key_rules")]
    operations = [
        migrations.RunSQL(
            "UPDATE jobs_jobkey SET first_at = now() WHERE first_at IS NULL", migrations.RunSQL.noop
        )
    ]
