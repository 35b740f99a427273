"""Every change of who belongs to a conversation gets one opening in the audit log's side table, whoever writes the rows: to whom something
was sent, by pseudonym, with the hospital."""

from django.db import migrations

CIRCLE = """(
        SELECT coalesce(jsonb_agg(
            jsonb_build_object('principal', coalesce(person.pseudonym, member.principal), 'kind', member.kind, 'hospital', member.hospital_id)
            ORDER BY member.hospital_id, member.principal), '[]')::text
        FROM messaging_member member LEFT JOIN identity_person person ON person.id = member.principal
        WHERE member.conversation_id = {0} AND member.removed_at IS NULL)"""
TRIGGERS = f"""
CREATE FUNCTION messaging_open_circle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_open(changed.conversation_id, 'recipients', {CIRCLE.format("changed.conversation_id")})
    FROM (SELECT DISTINCT conversation_id FROM new_rows) changed;
    RETURN NULL;
END $$;
CREATE TRIGGER open_circle AFTER INSERT ON messaging_member REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION messaging_open_circle();
CREATE TRIGGER open_circle_again AFTER UPDATE ON messaging_member REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION messaging_open_circle();
SELECT audit_open(id, 'recipients', {CIRCLE.format("messaging_conversation.id")}) FROM messaging_conversation;
"""  # noqa: S608 -- put together from constants
UNDO = (
    "DROP TRIGGER open_circle ON messaging_member; DROP TRIGGER open_circle_again ON messaging_member; DROP FUNCTION messaging_open_circle;"
)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0003_push_taken"), ("audit", "0003_openings"), ("identity", "0003_person_openings")]
    operations = [migrations.RunSQL(TRIGGERS, UNDO)]
