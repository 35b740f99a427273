"""Emergency accesses are few among millions of events, and are counted."""

from django.db import migrations

INDEX = "CREATE INDEX audit_index_break_glass ON audit_index (event) WHERE action = 'messaging.break_glass'"


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_openings_in_order")]
    operations = [migrations.RunSQL(INDEX, "DROP INDEX audit_index_break_glass")]
