-- +goose Up
CREATE TABLE show_show (
	id       TEXT PRIMARY KEY,
	channel  TEXT NOT NULL,
	state    TEXT NOT NULL,               -- live, paused, ended
	started  BIGINT NOT NULL,
	until    BIGINT NOT NULL DEFAULT 0,   -- paused: when the show ends unless the encoder is back
	ended    BIGINT NOT NULL DEFAULT 0,
	log_seq  BIGINT NOT NULL DEFAULT 0,   -- head of the log: its length
	log_hash TEXT NOT NULL DEFAULT ''     -- and the hash of its last entry
);
CREATE UNIQUE INDEX show_running ON show_show (channel) WHERE state <> 'ended';
CREATE INDEX show_by_channel ON show_show (channel, started);
CREATE TABLE show_log (
	show     TEXT NOT NULL REFERENCES show_show (id) ON DELETE CASCADE,
	seq      BIGINT NOT NULL,
	at       BIGINT NOT NULL,
	media_at BIGINT NOT NULL DEFAULT 0,
	kind     TEXT NOT NULL,
	data     TEXT NOT NULL,
	hash     TEXT NOT NULL,
	PRIMARY KEY (show, seq)
);
