ALTER TABLE documents DROP COLUMN notes;
