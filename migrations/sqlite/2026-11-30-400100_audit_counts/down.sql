DROP INDEX audit_at;
DROP INDEX audit_subject;
DROP INDEX audit_actor;
CREATE INDEX audit_actor ON audit (actor_id, id);
DROP TRIGGER audit_counts_up;
DROP TRIGGER audit_is_append_only;
ALTER TABLE audit DROP COLUMN count;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
