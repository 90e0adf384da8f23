-- +goose Up
ALTER TABLE buckets ADD COLUMN configurations TEXT NOT NULL DEFAULT '{}'; -- JSON: name to document
