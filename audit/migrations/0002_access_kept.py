"""The database refuses to change an entry, and to delete one that is not too old.

`audit.remove_before` is set by `audit.pruning`, for its own transaction only.
"""

from django.db import migrations

KEEP = """
CREATE FUNCTION audit_keep_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < NULLIF(
        current_setting('audit.remove_before', true), ''
    )::timestamptz THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit list is kept as it is: % of entry % was refused.',
        TG_OP, OLD.id USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER audit_keep_entry BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_keep_entry();
"""
LET_GO = """
DROP TRIGGER audit_keep_entry ON audit_entry;
DROP FUNCTION audit_keep_entry();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_access_entry")]
    operations = [migrations.RunSQL(KEEP, LET_GO)]
