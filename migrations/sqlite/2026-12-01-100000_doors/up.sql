-- An account that somebody made without being asked who they are counts as a guest's.
ALTER TABLE users ADD COLUMN self_made BOOLEAN NOT NULL DEFAULT FALSE;

-- Where a user has signed in before: strangers' mistakes do not hold those networks back. The newest few of each user.
CREATE TABLE known_networks (
    user_id TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network TEXT      NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, network)
) WITHOUT ROWID;

-- As what a member came, and who was sent away: neither comes in anew until the room is opened again.
ALTER TABLE room_members ADD COLUMN came_as TEXT; -- "user:ID", or "network:" and where a guest came from
CREATE TABLE room_exiles (
    room_id TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    came_as TEXT NOT NULL,
    PRIMARY KEY (room_id, came_as)
) WITHOUT ROWID;
