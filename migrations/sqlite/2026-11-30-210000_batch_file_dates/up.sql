ALTER TABLE batch_files ADD COLUMN modified_at TIMESTAMP; -- when its sender last changed it, where that was told
