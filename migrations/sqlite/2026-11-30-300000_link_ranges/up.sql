-- A link has a ledger of which bytes are delivered, and which are owned by whom until when: JSON, see src/server/leases.
ALTER TABLE download_links ADD COLUMN ledger TEXT NOT NULL DEFAULT '';
ALTER TABLE download_links ADD COLUMN fetched BIGINT NOT NULL DEFAULT 0;  -- bytes of it that are delivered
ALTER TABLE download_links ADD COLUMN moved_at TIMESTAMP;                 -- when that was last noted

UPDATE download_links SET fetched = COALESCE((SELECT blobs.size FROM documents JOIN blobs ON blobs.id = documents.blob_id
    WHERE documents.id = document_id), 0), moved_at = fetched_at WHERE fetched_at IS NOT NULL;

-- Of these the last byte may never have left, and there is no more to be had than that.
UPDATE download_links SET state = 'issued', ledger = (SELECT
    '{"delivered":[[0,' || (blobs.size - 1) || ']],"spent":' || (2 * blobs.size - 1) || '}'
    FROM documents JOIN blobs ON blobs.id = documents.blob_id WHERE documents.id = document_id)
WHERE state = 'consumed' AND claim_id IS NOT NULL AND fetched_at IS NULL
    AND EXISTS (SELECT 1 FROM documents WHERE documents.id = document_id AND blob_id IS NOT NULL);

UPDATE download_links SET state = 'issued' WHERE state = 'claimed';
UPDATE download_links SET lease_until = NULL WHERE lease_until IS NOT NULL;
ALTER TABLE download_links DROP COLUMN claim_id;
CREATE INDEX download_links_leased ON download_links (lease_until) WHERE lease_until IS NOT NULL;

-- A copy of a file or a ZIP of a batch that limits them, from its first byte on until it is complete.
CREATE TABLE batch_copies (
    id          TEXT      NOT NULL PRIMARY KEY,
    batch_id    TEXT      NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    content     TEXT      NOT NULL,  -- entity tag of what it is a copy of
    files       TEXT      NOT NULL,  -- JSON: the ids of its files, or the last one of all
    size        BIGINT    NOT NULL,
    holder      TEXT      NOT NULL,  -- digest of who fetches it
    ledger      TEXT      NOT NULL,
    moved_at    TIMESTAMP NOT NULL,
    lease_until TIMESTAMP
);
CREATE INDEX batch_copies_batch ON batch_copies (batch_id, content, holder);
CREATE INDEX batch_copies_leased ON batch_copies (lease_until) WHERE lease_until IS NOT NULL;
UPDATE batch_files SET running = 0 WHERE running > 0;
