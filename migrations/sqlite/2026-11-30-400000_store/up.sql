-- Which folder of files the database belongs to: one row, with what the folder's `store-id` says.
CREATE TABLE store (
    id TEXT NOT NULL PRIMARY KEY
);
