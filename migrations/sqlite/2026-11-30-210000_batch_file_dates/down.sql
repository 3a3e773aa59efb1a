ALTER TABLE batch_files DROP COLUMN modified_at;
