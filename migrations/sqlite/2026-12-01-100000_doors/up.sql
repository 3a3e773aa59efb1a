-- An account that somebody made without being asked who they are counts as a guest's.
ALTER TABLE users ADD COLUMN self_made BOOLEAN NOT NULL DEFAULT FALSE;

-- Where a user has signed in before: strangers' mistakes do not hold those networks back. The newest few of each user.
CREATE TABLE known_networks (
    user_id TEXT      NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network TEXT      NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, network)
) WITHOUT ROWID;
