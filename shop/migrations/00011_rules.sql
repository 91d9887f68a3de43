-- +goose Up
-- What a channel adds to the price of its goods, each part as JSON.
CREATE TABLE shop_rules (
	channel    TEXT PRIMARY KEY,
	shipping   TEXT NOT NULL DEFAULT '{}',
	tax        TEXT NOT NULL DEFAULT '{}',
	fee        TEXT NOT NULL DEFAULT '{}',
	currencies TEXT NOT NULL DEFAULT '{}'
);

ALTER TABLE shop_product ADD COLUMN weight BIGINT NOT NULL DEFAULT 0 CHECK (weight >= 0);  -- grams, with its wrapping
ALTER TABLE shop_product ADD COLUMN tax_code TEXT NOT NULL DEFAULT '';
ALTER TABLE shop_product ADD COLUMN prices TEXT NOT NULL DEFAULT '{}';                     -- JSON: other currency -> minor units

ALTER TABLE shop_order ADD COLUMN weight BIGINT NOT NULL DEFAULT 0;                        -- grams, of all of it
