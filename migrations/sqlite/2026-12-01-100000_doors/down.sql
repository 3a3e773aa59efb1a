DROP TABLE known_networks;
ALTER TABLE users DROP COLUMN self_made;
