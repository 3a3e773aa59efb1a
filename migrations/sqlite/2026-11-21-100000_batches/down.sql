DROP TABLE batch_fetches;
DROP TABLE batch_names;
DROP TABLE batch_files;
DROP TABLE batches;
