-- A file takes whole blocks of 4 KiB, an empty one takes one too; what is said in a room counts as well.
DELETE FROM usage;
INSERT INTO usage (user_id, bytes)
WITH held (account, bytes) AS (
    SELECT documents.uploaded_by, max((blobs.size + 4095) / 4096, 1) * 4096 FROM documents JOIN blobs ON blobs.id = documents.blob_id
    UNION ALL
    SELECT batches.account, max((blobs.size + 4095) / 4096, 1) * 4096
    FROM batch_files JOIN batches ON batches.id = batch_files.batch_id JOIN blobs ON blobs.id = batch_files.blob_id
    UNION ALL
    SELECT rooms.account, max((blobs.size + 4095) / 4096, 1) * 4096
    FROM room_files JOIN rooms ON rooms.id = room_files.room_id JOIN blobs ON blobs.id = room_files.blob_id
    UNION ALL
    SELECT rooms.account, rooms.bytes - coalesce(
        (SELECT sum(blobs.size) FROM room_files JOIN blobs ON blobs.id = room_files.blob_id WHERE room_files.room_id = rooms.id), 0)
    FROM rooms
), pots (pot, bytes) AS (
    SELECT account, bytes FROM held
    UNION ALL SELECT 'guest:', bytes FROM held WHERE account LIKE 'guest:%'
    UNION ALL SELECT '', bytes FROM held
)
SELECT pot, sum(bytes) FROM pots GROUP BY pot;
