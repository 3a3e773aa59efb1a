-- Rooms: people with a code talk and share files. Neither the code nor any key can be had from the database.

CREATE TABLE rooms (
    id          TEXT      NOT NULL PRIMARY KEY,  -- ours alone; people have the code, which is stored as its digest
    code_digest TEXT      NOT NULL,              -- BLAKE3 of the code
    key_digest  TEXT      NOT NULL,              -- BLAKE3 of the maker's key
    title       TEXT      NOT NULL,
    made_by     TEXT      REFERENCES users (id), -- null for a guest
    account     TEXT      NOT NULL,              -- the row of `usage` that its files are booked to
    made_at     TIMESTAMP NOT NULL,
    expires_at  TIMESTAMP NOT NULL,              -- moves on with each event
    locked      BOOLEAN   NOT NULL,              -- nobody new may join
    ended_at    TIMESTAMP,                       -- its files are being removed, the row goes last
    last_event  BIGINT    NOT NULL,              -- the number of the newest event
    bytes       BIGINT    NOT NULL,              -- of its messages and files, and about what its rows take
    CONSTRAINT rooms_code UNIQUE (code_digest)
);
CREATE INDEX rooms_expiry ON rooms (expires_at);
CREATE INDEX rooms_ended ON rooms (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE room_members (
    id           TEXT      NOT NULL PRIMARY KEY,
    room_id      TEXT      NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    name         TEXT      NOT NULL,
    name_key     TEXT      NOT NULL,             -- lower case: people cannot tell Ann from ann
    token_digest TEXT      NOT NULL,             -- BLAKE3 of the secret that a member comes back with
    key_digest   TEXT      NOT NULL,             -- BLAKE3 of the secret in the addresses of files
    joined_at    TIMESTAMP NOT NULL,
    left_at      TIMESTAMP                       -- null while in the room, connected or for a moment not
);
CREATE UNIQUE INDEX room_members_present ON room_members (room_id, name_key) WHERE left_at IS NULL;
CREATE INDEX room_members_room ON room_members (room_id);

-- What happened in a room, in the one order that all members see.
CREATE TABLE room_events (
    room_id   TEXT   NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq       BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    member_id TEXT,                              -- whose doing it was
    nonce     TEXT,                              -- what its sender calls it: a message that is sent twice is stored once
    body      TEXT   NOT NULL,                   -- JSON, as members get it
    PRIMARY KEY (room_id, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX room_events_nonce ON room_events (room_id, member_id, nonce) WHERE nonce IS NOT NULL;

CREATE TABLE room_files (
    id        TEXT      NOT NULL PRIMARY KEY,
    room_id   TEXT      NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq       BIGINT    NOT NULL,                -- the event that told of it
    name      TEXT      NOT NULL,
    blob_id   TEXT      NOT NULL REFERENCES blobs (id),
    member_id TEXT      NOT NULL,                -- who shared it
    added_at  TIMESTAMP NOT NULL
);
CREATE INDEX room_files_room ON room_files (room_id, seq);
CREATE INDEX room_files_blob ON room_files (blob_id);

-- Who fetched a file first when, for whoever shared it.
CREATE TABLE room_fetches (
    file_id    TEXT      NOT NULL REFERENCES room_files (id) ON DELETE CASCADE,
    member_id  TEXT      NOT NULL,
    name       TEXT      NOT NULL,
    fetched_at TIMESTAMP NOT NULL,
    PRIMARY KEY (file_id, member_id)
) WITHOUT ROWID;
