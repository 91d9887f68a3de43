-- +goose Up
ALTER TABLE account_channel ADD COLUMN unrecorded BIGINT NOT NULL DEFAULT 0; -- 1: its shows are not recorded
ALTER TABLE account_channel ADD COLUMN keep_days BIGINT NOT NULL DEFAULT 0;  -- how long recordings are kept; 0: as long as the server's other channels'
