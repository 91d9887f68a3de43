-- +goose Up
ALTER TABLE shop_method ADD COLUMN exp_month BIGINT NOT NULL DEFAULT 0;   -- 0: not known
ALTER TABLE shop_method ADD COLUMN exp_year BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shop_method ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';  -- the same for the same card, whoever saved it
ALTER TABLE shop_method ADD COLUMN country TEXT NOT NULL DEFAULT '';      -- of the card's bank
ALTER TABLE shop_method ADD COLUMN chosen BIGINT NOT NULL DEFAULT 0;      -- when its owner last said: this one

-- Methods that their owners removed, until the provider has forgotten them too.
CREATE TABLE shop_detach (
	method  TEXT PRIMARY KEY,
	look_at BIGINT NOT NULL
);
