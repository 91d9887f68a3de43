-- +goose Up
ALTER TABLE show_show ADD COLUMN viewers_peak BIGINT NOT NULL DEFAULT 0; -- the most that watched at once
