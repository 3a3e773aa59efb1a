DROP TABLE audit;
DROP TABLE download_links;
DROP TABLE usage;
DROP TABLE documents;
DROP TABLE blobs;
DROP TABLE sessions;
DROP TABLE users;
