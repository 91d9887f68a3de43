-- +goose Up
ALTER TABLE account_channel ADD COLUMN max_height BIGINT NOT NULL DEFAULT 0;  -- what an encoder should send, at most; 0: the server's choice
ALTER TABLE account_channel ADD COLUMN max_bitrate BIGINT NOT NULL DEFAULT 0; -- bits per second
ALTER TABLE account_channel ADD COLUMN renditions BIGINT NOT NULL DEFAULT 0;
