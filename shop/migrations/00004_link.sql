-- +goose Up
-- Keys of this server's own, made when first needed.
CREATE TABLE shop_secret (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL                         -- hex
);
