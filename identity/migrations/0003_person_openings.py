"""Every version of a person's name, title and profession gets one opening in the audit log's side table, whoever writes the row."""

from django.db import migrations

VALUE = "jsonb_build_object('name', {0}.name, 'title', {0}.title, 'profession', {0}.profession)::text"
TRIGGERS = f"""
CREATE FUNCTION identity_open_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM audit_open(NEW.pseudonym, 'agent', {VALUE.format("NEW")});
    RETURN NULL;
END $$;
CREATE TRIGGER open_person AFTER INSERT ON identity_person FOR EACH ROW EXECUTE FUNCTION identity_open_person();
CREATE TRIGGER open_person_again AFTER UPDATE OF name, title, profession ON identity_person FOR EACH ROW
    WHEN ((OLD.name, OLD.title, OLD.profession) IS DISTINCT FROM (NEW.name, NEW.title, NEW.profession))
    EXECUTE FUNCTION identity_open_person();
SELECT audit_open(pseudonym, 'agent', {VALUE.format("identity_person")}) FROM identity_person;
"""  # noqa: S608 -- put together from constants
UNDO = "DROP TRIGGER open_person ON identity_person; DROP TRIGGER open_person_again ON identity_person; DROP FUNCTION identity_open_person;"


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_auditors"), ("audit", "0003_openings")]
    operations = [migrations.RunSQL(TRIGGERS, UNDO)]
