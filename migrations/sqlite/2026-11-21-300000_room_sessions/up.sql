-- A member's rights end with the session that it is there with, also while it is away.
ALTER TABLE room_members ADD COLUMN session TEXT; -- null for a guest; no reference: one that has ended is not a guest's
