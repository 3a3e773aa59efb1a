-- A row stands for all of its kind in its minute: who, what and why. The number may grow, and nothing else of a row changes.
ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;

DROP TRIGGER audit_is_append_only;
CREATE TRIGGER audit_is_append_only
BEFORE UPDATE OF id, at, action, actor_id, actor, subject, detail, address, request_id ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_counts_up BEFORE UPDATE OF count ON audit WHEN new.count <= old.count
BEGIN
    SELECT RAISE(ABORT, 'the audit counts up');
END;

-- Lists are narrowed by the name as it was then, by what was acted on, and by time.
DROP INDEX audit_actor;
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_subject ON audit (subject, id);
CREATE INDEX audit_at ON audit (at);
