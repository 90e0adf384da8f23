-- +goose Up
ALTER TABLE account_settings ADD COLUMN token_version BIGINT NOT NULL DEFAULT 1;
