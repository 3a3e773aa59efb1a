DROP TABLE batch_copies;
DROP INDEX download_links_leased;
UPDATE download_links SET state = 'issued', lease_until = NULL WHERE state = 'claimed';
ALTER TABLE download_links ADD COLUMN claim_id TEXT;
ALTER TABLE download_links DROP COLUMN moved_at;
ALTER TABLE download_links DROP COLUMN fetched;
ALTER TABLE download_links DROP COLUMN ledger;
