-- +goose Up
ALTER TABLE chat_room ADD COLUMN settings TEXT NOT NULL DEFAULT ''; -- JSON; '' is the default
UPDATE chat_room SET settings = '{"slow":' || (slow / 1000) || '}' WHERE slow > 0;
ALTER TABLE chat_room DROP COLUMN slow;

CREATE INDEX chat_entry_at ON chat_entry (channel, at);
CREATE INDEX chat_entry_person ON chat_entry (person);

-- What else a ban holds beside the person; empty once it has run out.
ALTER TABLE chat_sanction ADD COLUMN devices TEXT NOT NULL DEFAULT ''; -- separated by spaces
ALTER TABLE chat_sanction ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_sanction ADD COLUMN network_until BIGINT NOT NULL DEFAULT 0;

-- Since when a guest has been coming to a room.
CREATE TABLE chat_visit (
	channel TEXT NOT NULL,
	person  TEXT NOT NULL,
	since   BIGINT NOT NULL,
	PRIMARY KEY (channel, person)
);
CREATE INDEX chat_visit_person ON chat_visit (person);
CREATE INDEX chat_visit_since ON chat_visit (since);

-- Who did what to whom.
CREATE TABLE chat_deed (
	channel     TEXT NOT NULL,
	id          TEXT NOT NULL, -- in the order of time
	at          BIGINT NOT NULL,
	actor       TEXT NOT NULL, -- '' for the room itself
	actor_name  TEXT NOT NULL,
	did         TEXT NOT NULL,
	person      TEXT NOT NULL, -- '' where it was done to nobody
	person_name TEXT NOT NULL,
	message     TEXT NOT NULL,
	detail      TEXT NOT NULL, -- JSON, or ''
	PRIMARY KEY (channel, id)
);
CREATE INDEX chat_deed_at ON chat_deed (at);

CREATE TABLE chat_question (
	channel TEXT NOT NULL,
	id      TEXT NOT NULL, -- the message id
	at      BIGINT NOT NULL,
	person  TEXT NOT NULL,
	name    TEXT NOT NULL,
	text    TEXT NOT NULL,
	product TEXT NOT NULL, -- '' for none
	state   TEXT NOT NULL, -- open, answered, dismissed
	answer  TEXT NOT NULL,
	settled BIGINT NOT NULL, -- when it was answered or dismissed, 0 while open
	PRIMARY KEY (channel, id)
);
CREATE INDEX chat_question_person ON chat_question (person);
CREATE INDEX chat_question_at ON chat_question (at);

-- Personal events that wait for their reader.
CREATE TABLE chat_letter (
	channel TEXT NOT NULL,
	id      TEXT NOT NULL,
	person  TEXT NOT NULL,
	at      BIGINT NOT NULL,
	until   BIGINT NOT NULL,
	type    TEXT NOT NULL,
	data    TEXT NOT NULL,
	PRIMARY KEY (channel, id)
);
CREATE INDEX chat_letter_person ON chat_letter (person);

-- +goose Down
DROP TABLE chat_letter;
DROP TABLE chat_question;
DROP TABLE chat_deed;
DROP TABLE chat_visit;
DROP INDEX chat_entry_person;
DROP INDEX chat_entry_at;
ALTER TABLE chat_sanction DROP COLUMN network_until;
ALTER TABLE chat_sanction DROP COLUMN network;
ALTER TABLE chat_sanction DROP COLUMN devices;
ALTER TABLE chat_room ADD COLUMN slow BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_room DROP COLUMN settings;
