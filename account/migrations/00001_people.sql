-- +goose Up
CREATE TABLE account_person (
	id       TEXT PRIMARY KEY,
	name     TEXT NOT NULL,
	folded   TEXT NOT NULL,             -- the name as names are compared
	email    TEXT UNIQUE,               -- signs in with it; NULL for guests
	password TEXT NOT NULL DEFAULT '',  -- argon2id, encoded; empty for guests
	contact  TEXT NOT NULL DEFAULT '',  -- where order mails go
	address  TEXT NOT NULL DEFAULT '',  -- JSON, empty until given
	created  BIGINT NOT NULL
);
CREATE INDEX account_person_folded ON account_person (folded);
CREATE TABLE account_session (
	token   TEXT PRIMARY KEY,           -- SHA-256 of the token, hex
	person  TEXT NOT NULL REFERENCES account_person (id) ON DELETE CASCADE,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE INDEX account_session_expires ON account_session (expires);
CREATE TABLE account_channel (
	slug       TEXT PRIMARY KEY,
	title      TEXT NOT NULL,
	stream_key TEXT NOT NULL,           -- shown to the host in the studio
	key_hash   TEXT NOT NULL UNIQUE,    -- what a publish is looked up by
	created    BIGINT NOT NULL
);
CREATE TABLE account_role (
	channel TEXT NOT NULL REFERENCES account_channel (slug) ON DELETE CASCADE,
	person  TEXT NOT NULL REFERENCES account_person (id) ON DELETE CASCADE,
	role    TEXT NOT NULL,
	PRIMARY KEY (channel, person, role)
);
