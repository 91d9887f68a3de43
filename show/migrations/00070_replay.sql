-- +goose Up
ALTER TABLE show_show ADD COLUMN replay_ms BIGINT NOT NULL DEFAULT 0;   -- how long its replay is; 0: there is none
ALTER TABLE show_show ADD COLUMN replay_size BIGINT NOT NULL DEFAULT 0; -- bytes
