-- What was answered to a request that has a key of its own, so that whoever has not heard it may ask again.
CREATE TABLE idempotency (
    id         TEXT      NOT NULL PRIMARY KEY, -- BLAKE3 of the caller and the key
    request    TEXT      NOT NULL,             -- BLAKE3 of what was asked: the same key for something else is a mistake
    status     INTEGER   NOT NULL,
    answer     BLOB      NOT NULL,             -- JSON, sealed with the key: it may hold secrets of which only digests are kept
    expires_at TIMESTAMP NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_expiry ON idempotency (expires_at);
