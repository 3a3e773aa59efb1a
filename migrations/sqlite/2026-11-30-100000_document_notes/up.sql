-- What receivers should know of a document: codes with commas between.
ALTER TABLE documents ADD COLUMN notes TEXT NOT NULL DEFAULT '';
