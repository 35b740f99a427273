import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("identity", "0014_registrar_proposals")]

    operations = [
        migrations.AddField("signin", "last_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
    ]
