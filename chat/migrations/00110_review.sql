-- +goose Up
-- What a sanction is, when it began, what moderators wrote beside it, and how the person was called.
ALTER TABLE chat_sanction ADD COLUMN kind TEXT NOT NULL DEFAULT ''; -- ban, timeout, shadow
ALTER TABLE chat_sanction ADD COLUMN at   BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat_sanction ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_sanction ADD COLUMN name TEXT NOT NULL DEFAULT '';
UPDATE chat_sanction SET kind = 'ban' WHERE until = 0;
UPDATE chat_sanction SET kind = 'timeout' WHERE until > 0;

-- What was said and waits until a moderator has read it.
CREATE TABLE chat_held (
	channel TEXT NOT NULL,
	id      TEXT NOT NULL, -- the message id
	at      BIGINT NOT NULL,
	until   BIGINT NOT NULL,
	person  TEXT NOT NULL,
	name    TEXT NOT NULL,
	badges  TEXT NOT NULL, -- separated by spaces
	type    TEXT NOT NULL, -- message, question
	text    TEXT NOT NULL,
	product TEXT NOT NULL, -- '' for none
	why     TEXT NOT NULL, -- word, link, network
	PRIMARY KEY (channel, id)
);
CREATE INDEX chat_held_person ON chat_held (person);

-- +goose Down
DROP TABLE chat_held;
ALTER TABLE chat_sanction DROP COLUMN name;
ALTER TABLE chat_sanction DROP COLUMN note;
ALTER TABLE chat_sanction DROP COLUMN at;
ALTER TABLE chat_sanction DROP COLUMN kind;
