DROP TABLE room_exiles;
ALTER TABLE room_members DROP COLUMN came_as;
DROP TABLE known_networks;
ALTER TABLE users DROP COLUMN self_made;
