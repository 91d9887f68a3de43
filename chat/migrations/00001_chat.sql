-- +goose Up
CREATE TABLE chat_room (
	channel TEXT PRIMARY KEY,
	epoch   TEXT NOT NULL,
	sealed  BIGINT NOT NULL, -- the last number when the room ended cleanly, else -1
	slow    BIGINT NOT NULL  -- slow mode in milliseconds, 0 when off
);

CREATE TABLE chat_entry (
	channel  TEXT NOT NULL,
	seq      BIGINT NOT NULL,
	at       BIGINT NOT NULL,
	type     TEXT NOT NULL,
	media_at BIGINT NOT NULL, -- 0 for none
	message  TEXT NOT NULL,   -- '' for what nobody said
	person   TEXT NOT NULL,
	data     TEXT NOT NULL,   -- JSON as sent; a deleted message leaves only its id
	PRIMARY KEY (channel, seq)
);

CREATE TABLE chat_sanction (
	channel     TEXT NOT NULL,
	person  TEXT NOT NULL,
	until   BIGINT NOT NULL, -- 0: for good
	moderator TEXT NOT NULL,
	PRIMARY KEY (channel, person)
);

-- +goose Down
DROP TABLE chat_sanction;
DROP TABLE chat_entry;
DROP TABLE chat_room;
