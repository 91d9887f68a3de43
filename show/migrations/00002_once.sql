-- +goose Up
CREATE TABLE show_once (
	show TEXT NOT NULL REFERENCES show_show (id) ON DELETE CASCADE,
	name TEXT NOT NULL, -- what is in the log once, as the pin that a show began under
	PRIMARY KEY (show, name)
);
