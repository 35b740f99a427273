from django.db import migrations, models
from django.db.models import Q

# A seal made before was sealed to the key that was its person's at that time.
_KIDS = """
    UPDATE identity_roleseal seal SET kid = (
        SELECT kid FROM identity_principalkey key
        WHERE key.principal = seal.person_id AND key.created_at <= seal.created_at
        ORDER BY key.generation DESC LIMIT 1
    )
    WHERE EXISTS (SELECT FROM identity_principalkey key WHERE key.principal = seal.person_id AND key.created_at <= seal.created_at)
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0007_turns_as_ranges")]

    operations = [
        migrations.AddField("roleseal", "kid", models.BinaryField(max_length=16, default=b""), preserve_default=False),
        migrations.RunSQL(_KIDS, migrations.RunSQL.noop),
        migrations.RemoveConstraint("dutyrole", "dutyrole_name_once_per_hospital"),
        migrations.AddConstraint(
            "dutyrole",
            models.UniqueConstraint(fields=["hospital", "name"], condition=Q(closed_at=None), name="dutyrole_name_once_per_hospital"),
        ),
    ]
