-- Batches: several files behind one address. Neither the address nor the manage key can be had from the database.

CREATE TABLE batches (
    id             TEXT      NOT NULL PRIMARY KEY,  -- ours alone; people have another one, which is stored as its digest
    address_digest TEXT      NOT NULL,              -- BLAKE3 of the id in the address
    key_digest     TEXT      NOT NULL,              -- BLAKE3 of the manage key
    title          TEXT      NOT NULL,
    password_hash  TEXT,                            -- PHC string, argon2id
    made_by        TEXT      REFERENCES users (id), -- null for a guest
    account        TEXT      NOT NULL,              -- the row of `usage` that its files are booked to
    made_at        TIMESTAMP NOT NULL,
    expires_at     TIMESTAMP NOT NULL,
    ended_at       TIMESTAMP,                       -- its files are being removed, the row goes last
    max_downloads  INTEGER,                         -- complete copies of each file
    files          INTEGER   NOT NULL,              -- running totals of its files
    bytes          BIGINT    NOT NULL,
    fetches        BIGINT    NOT NULL,              -- complete downloads so far
    CONSTRAINT batches_address UNIQUE (address_digest)
);
CREATE INDEX batches_expiry ON batches (expires_at);
CREATE INDEX batches_ended ON batches (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE batch_files (
    id        TEXT      NOT NULL PRIMARY KEY,
    batch_id  TEXT      NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    name      TEXT      NOT NULL,            -- may have folders: a/b/c.txt
    name_key  TEXT      NOT NULL,            -- lower case: some file systems cannot tell A from a
    blob_id   TEXT      NOT NULL REFERENCES blobs (id),
    added_at  TIMESTAMP NOT NULL,
    running   INTEGER   NOT NULL,            -- downloads that hold a claim; these three count where max_downloads is set
    complete  INTEGER   NOT NULL,            -- whole copies that were delivered
    starts    INTEGER   NOT NULL,
    CONSTRAINT batch_files_name UNIQUE (batch_id, name_key)
);
CREATE INDEX batch_files_order ON batch_files (batch_id, id);
CREATE INDEX batch_files_blob ON batch_files (blob_id);
CREATE INDEX batch_files_running ON batch_files (id) WHERE running > 0;

-- Names that are spoken for beside those of files: folders, and how far copies of a name have been numbered.
CREATE TABLE batch_names (
    batch_id TEXT    NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    name_key TEXT    NOT NULL,
    folder   BOOLEAN NOT NULL,
    copies   INTEGER NOT NULL,
    PRIMARY KEY (batch_id, name_key)
);

-- What was fetched completely, for whoever holds the manage key; the newest thousand of each batch.
CREATE TABLE batch_fetches (
    id         TEXT      NOT NULL PRIMARY KEY,
    batch_id   TEXT      NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    file_id    TEXT,                         -- null for a ZIP
    what       TEXT      NOT NULL,           -- the name of the file or of the ZIP
    files      INTEGER   NOT NULL,
    bytes      BIGINT    NOT NULL,
    fetched_at TIMESTAMP NOT NULL,
    address    TEXT
);
CREATE INDEX batch_fetches_order ON batch_fetches (batch_id, id);
