from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("identity", "0015_sign_in_last_seen")]

    operations = [
        migrations.AddField("device", "is_by_passkey", models.BooleanField(default=False)),
        migrations.AddField("passkey", "pin", models.BinaryField(max_length=64, null=True)),
        migrations.AddField("hospital", "is_passkey_enough", models.BooleanField(default=False)),
    ]
