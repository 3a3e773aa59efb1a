-- Lists, searches and counts that do not grow with the tables.

-- What a search looks through: the three characters that begin at each place of a name, by FTS5's trigram tokenizer. So that
-- shorter texts are found as well, the name stands there a second time with U+0001 around each character: of `ab` the index
-- holds `·a·`, `a·b` and `·b·`, where · is that character, which no name has. Only the newest version of a document is found.
-- A row of an index is a number, and numbers grow as documents come: they order what is found.
CREATE TABLE document_names (
    number      INTEGER NOT NULL PRIMARY KEY,
    document_id TEXT    NOT NULL UNIQUE,
    name_key    TEXT    NOT NULL
);
CREATE TABLE name_places (
    place INTEGER NOT NULL PRIMARY KEY
);
WITH RECURSIVE places (place) AS (SELECT 1 UNION ALL SELECT place + 1 FROM places WHERE place < 1024)
INSERT INTO name_places SELECT place FROM places;

CREATE VIRTUAL TABLE document_search USING fts5 (grams, content = '', tokenize = 'trigram case_sensitive 1', detail = none);
CREATE VIEW document_grams (number, document_id, grams) AS
SELECT number, document_id, name_key || char(1, 1) || (
    SELECT group_concat(character, char(1))
    FROM (SELECT substr(name_key, place, 1) AS character FROM name_places WHERE place <= length(name_key) ORDER BY place)
) || char(1)
FROM document_names;

INSERT INTO document_names (document_id, name_key) SELECT id, name_key FROM documents ORDER BY id;
INSERT INTO document_search (rowid, grams)
SELECT number, grams FROM document_grams WHERE document_id IN (SELECT id FROM documents WHERE latest);

CREATE TRIGGER documents_named AFTER INSERT ON documents
BEGIN
    INSERT INTO document_names (document_id, name_key) VALUES (new.id, new.name_key);
    INSERT INTO document_search (rowid, grams)
    SELECT number, grams FROM document_grams WHERE document_id = new.id AND new.latest;
END;
CREATE TRIGGER documents_newest AFTER UPDATE OF latest ON documents WHEN new.latest AND NOT old.latest
BEGIN
    INSERT INTO document_search (rowid, grams) SELECT number, grams FROM document_grams WHERE document_id = new.id;
END;
CREATE TRIGGER documents_outdated AFTER UPDATE OF latest ON documents WHEN old.latest AND NOT new.latest
BEGIN
    INSERT INTO document_search (document_search, rowid, grams)
    SELECT 'delete', number, grams FROM document_grams WHERE document_id = new.id;
END;
CREATE TRIGGER documents_gone AFTER DELETE ON documents
BEGIN
    INSERT INTO document_search (document_search, rowid, grams)
    SELECT 'delete', number, grams FROM document_grams WHERE document_id = old.id AND old.latest;
    DELETE FROM document_names WHERE document_id = old.id;
END;

-- Links by document and by state, newest first; those that may expire; and how many there are in each state.
DROP INDEX download_links_document;
CREATE INDEX download_links_document ON download_links (document_id, id);
CREATE INDEX download_links_state ON download_links (state, id);
DROP INDEX download_links_open;
CREATE INDEX download_links_issued ON download_links (state, expires_at) WHERE state = 'issued';
CREATE INDEX download_links_claimed ON download_links (state, expires_at) WHERE state = 'claimed';

CREATE TABLE link_counts (
    state  TEXT   NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO link_counts (state, number) SELECT state, count(*) FROM download_links GROUP BY state;
CREATE TRIGGER links_counted_in AFTER INSERT ON download_links
BEGIN
    INSERT INTO link_counts (state, number) VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER links_counted_on AFTER UPDATE OF state ON download_links WHEN new.state <> old.state
BEGIN
    UPDATE link_counts SET number = number - 1 WHERE state = old.state;
    INSERT INTO link_counts (state, number) VALUES (new.state, 1) ON CONFLICT (state) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER links_counted_out AFTER DELETE ON download_links
BEGIN
    UPDATE link_counts SET number = number - 1 WHERE state = old.state;
END;

CREATE INDEX batches_open ON batches (id) WHERE ended_at IS NULL;
CREATE INDEX rooms_open ON rooms (account) WHERE ended_at IS NULL;
