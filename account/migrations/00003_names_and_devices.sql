-- +goose Up
ALTER TABLE account_person ADD COLUMN skeleton TEXT NOT NULL DEFAULT ''; -- the name as it looks
CREATE INDEX account_person_skeleton ON account_person (skeleton);
DROP INDEX account_person_folded;
ALTER TABLE account_person DROP COLUMN folded;
ALTER TABLE account_session ADD COLUMN device TEXT NOT NULL DEFAULT ''; -- the browser it was opened in
CREATE INDEX account_session_person ON account_session (person);
CREATE TABLE account_secret (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL -- random, hex
);

-- +goose Down
DROP TABLE account_secret;
DROP INDEX account_session_person;
ALTER TABLE account_session DROP COLUMN device;
ALTER TABLE account_person ADD COLUMN folded TEXT NOT NULL DEFAULT '';
CREATE INDEX account_person_folded ON account_person (folded);
DROP INDEX account_person_skeleton;
ALTER TABLE account_person DROP COLUMN skeleton;
