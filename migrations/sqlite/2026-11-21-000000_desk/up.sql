-- Ids are UUIDv7 as text, times are UTC, digests are lower-case hex.

CREATE TABLE users (
    id            TEXT      NOT NULL PRIMARY KEY,
    username      TEXT      NOT NULL,
    username_key  TEXT      NOT NULL,  -- lower case: what must be unique
    email         TEXT      NOT NULL,
    email_key     TEXT      NOT NULL,
    password_hash TEXT      NOT NULL,  -- PHC string, argon2id
    role          TEXT      NOT NULL CHECK (role IN ('operation', 'client')),
    created_at    TIMESTAMP NOT NULL,
    disabled_at   TIMESTAMP,
    CONSTRAINT users_username UNIQUE (username_key),
    CONSTRAINT users_email UNIQUE (email_key)
);

-- One row for each access token that may still be used; a missing row is a token that was ended.
CREATE TABLE sessions (
    id         TEXT      NOT NULL PRIMARY KEY,  -- the token's jti
    user_id    TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE blobs (
    id         TEXT      NOT NULL PRIMARY KEY,  -- the blob's name in the store
    size       BIGINT    NOT NULL,
    blake3     TEXT      NOT NULL,
    sha256     TEXT,                            -- large blobs get it in the background
    crc32      BIGINT    NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX blobs_unhashed ON blobs (id) WHERE sha256 IS NULL;

CREATE TABLE documents (
    id          TEXT      NOT NULL PRIMARY KEY,
    name        TEXT      NOT NULL,
    name_key    TEXT      NOT NULL,  -- lower case: what a search looks through
    version     INTEGER   NOT NULL,
    latest      BOOLEAN   NOT NULL,
    blob_id     TEXT      REFERENCES blobs (id),  -- gone once the document is deleted
    uploaded_by TEXT      NOT NULL REFERENCES users (id),
    uploaded_at TIMESTAMP NOT NULL,
    deleted_at  TIMESTAMP,
    CONSTRAINT documents_version UNIQUE (name, version)
);
CREATE INDEX documents_latest ON documents (id) WHERE latest;
CREATE INDEX documents_blob ON documents (blob_id);

-- Bytes held by each user; the row of the empty user id holds the sum of all.
CREATE TABLE usage (
    user_id TEXT   NOT NULL PRIMARY KEY,
    bytes   BIGINT NOT NULL
);

CREATE TABLE download_links (
    id           TEXT      NOT NULL PRIMARY KEY,
    token_digest TEXT      NOT NULL,  -- BLAKE3 of the token: a stolen database opens nothing
    document_id  TEXT      NOT NULL REFERENCES documents (id),
    issued_to    TEXT      NOT NULL REFERENCES users (id),
    state        TEXT      NOT NULL CHECK (state IN ('issued', 'claimed', 'consumed', 'expired', 'revoked')),
    issued_at    TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    starts       INTEGER   NOT NULL,
    claim_id     TEXT,                -- who holds the link; kept while the last byte is on its way
    lease_until  TIMESTAMP,
    fetched_at   TIMESTAMP,           -- when the last byte had left
    fetched_from TEXT                 -- address of the latest claim
);
CREATE INDEX download_links_document ON download_links (document_id);
CREATE INDEX download_links_issued_to ON download_links (issued_to, id);
CREATE INDEX download_links_open ON download_links (state, expires_at) WHERE state IN ('issued', 'claimed');

CREATE TABLE audit (
    id         TEXT      NOT NULL PRIMARY KEY,
    at         TIMESTAMP NOT NULL,
    action     TEXT      NOT NULL,
    actor_id   TEXT,
    actor      TEXT,                  -- the name as it was then
    subject    TEXT,                  -- what was acted on: a file, a link, a user
    detail     TEXT,
    address    TEXT,
    request_id TEXT
);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_actor ON audit (actor_id, id);

CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
