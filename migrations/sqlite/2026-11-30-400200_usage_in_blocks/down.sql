-- The bytes of files alone.
DELETE FROM usage;
INSERT INTO usage (user_id, bytes)
WITH held (account, bytes) AS (
    SELECT documents.uploaded_by, blobs.size FROM documents JOIN blobs ON blobs.id = documents.blob_id
    UNION ALL
    SELECT batches.account, blobs.size
    FROM batch_files JOIN batches ON batches.id = batch_files.batch_id JOIN blobs ON blobs.id = batch_files.blob_id
    UNION ALL
    SELECT rooms.account, blobs.size
    FROM room_files JOIN rooms ON rooms.id = room_files.room_id JOIN blobs ON blobs.id = room_files.blob_id
), pots (pot, bytes) AS (
    SELECT account, bytes FROM held
    UNION ALL SELECT 'guest:', bytes FROM held WHERE account LIKE 'guest:%'
    UNION ALL SELECT '', bytes FROM held
)
SELECT pot, sum(bytes) FROM pots GROUP BY pot;
