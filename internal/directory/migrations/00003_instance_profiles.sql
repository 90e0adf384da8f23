-- +goose Up
CREATE TABLE instance_profiles (
    id         TEXT   NOT NULL PRIMARY KEY,
    account_id TEXT   NOT NULL REFERENCES accounts (id),
    path       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    name_key   TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    role_id    TEXT   REFERENCES entities (id), -- NULL for none
    tags       TEXT   NOT NULL, -- JSON
    UNIQUE (account_id, name_key)
);
