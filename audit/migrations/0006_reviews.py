"""Evidence that somebody looked: reviews, append-only. And what searching the log by time and by trouble needs."""

from django.db import migrations, models

TABLES = """
CREATE TABLE audit_review (
    id uuid PRIMARY KEY,
    hospital uuid NOT NULL,
    reviewer uuid NOT NULL,
    reviewed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > since),
    scope text NOT NULL CHECK (scope IN ('everything', 'break_glass', 'sign_ins', 'disclosures', 'exports', 'people', 'request')),
    subject uuid,
    finding text NOT NULL CHECK (finding IN ('nothing', 'explained', 'question', 'incident')),
    action text NOT NULL CHECK (action IN ('none', 'asked', 'access_ended', 'reported')),
    place bigint CHECK (place >= 0)
);
CREATE INDEX audit_review_newest ON audit_review (hospital, reviewed_at DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_review FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE audit_review ENABLE ALWAYS TRIGGER append_only;
-- Next to nothing to write: ranges of pages, and what was refused or failed alone.
CREATE INDEX audit_index_at ON audit_index USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX audit_index_trouble ON audit_index (event) WHERE outcome <> 'success';
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_exports")]
    operations = [
        migrations.RunSQL(TABLES, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("hospital", models.UUIDField()),
                ("reviewer", models.UUIDField()),
                ("reviewed_at", models.DateTimeField()),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField()),
                ("scope", models.TextField()),
                ("subject", models.UUIDField(null=True)),
                ("finding", models.TextField()),
                ("action", models.TextField()),
                ("place", models.BigIntegerField(null=True)),
            ],
            options={"db_table": "audit_review", "managed": False},
        ),
    ]
