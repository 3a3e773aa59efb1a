DROP TABLE room_fetches;
DROP TABLE room_files;
DROP TABLE room_events;
DROP TABLE room_members;
DROP TABLE rooms;
