from django.db import migrations

# Django adds an index for LIKE to each text key. Ours have the collation "C", whose plain index serves
# LIKE as well; the second one would be written with every change of a row, and never read.
DROP = """
DO $$
DECLARE found text;
BEGIN
    FOR found IN SELECT indexname FROM pg_indexes
        WHERE schemaname = current_schema()
        AND tablename IN ('jobs_job', 'jobs_jobkey', 'jobs_effect') AND indexname LIKE '%\\_like'
    LOOP EXECUTE format('DROP INDEX %I', found);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [("jobs", "0002_ledger")]

    operations = [migrations.RunSQL(DROP, migrations.RunSQL.noop)]
