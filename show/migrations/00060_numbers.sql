-- +goose Up
CREATE TABLE show_minute (
	show    TEXT NOT NULL REFERENCES show_show (id) ON DELETE CASCADE,
	minute  BIGINT NOT NULL, -- its beginning
	viewers BIGINT NOT NULL, -- the most at once
	PRIMARY KEY (show, minute)
);
CREATE TABLE show_tally (
	show    TEXT NOT NULL REFERENCES show_show (id) ON DELETE CASCADE,
	node    TEXT NOT NULL,  -- the process that counted: each writes rows of its own
	step    TEXT NOT NULL,  -- watched, seen, opened
	subject TEXT NOT NULL,  -- the pin; empty: none
	sketch  BYTEA NOT NULL, -- who, as hashes from which nobody can be told: sketch.go
	PRIMARY KEY (show, node, step, subject)
);
CREATE TABLE show_salt (
	show TEXT PRIMARY KEY REFERENCES show_show (id) ON DELETE CASCADE,
	salt TEXT NOT NULL -- random, hex: the hashes of two shows have nothing in common
);

-- +goose Down
DROP TABLE show_salt;
DROP TABLE show_tally;
DROP TABLE show_minute;
