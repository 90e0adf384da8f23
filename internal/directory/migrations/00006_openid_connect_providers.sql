-- +goose Up
CREATE TABLE openid_connect_providers (
    arn         TEXT   NOT NULL PRIMARY KEY,
    account_id  TEXT   NOT NULL REFERENCES accounts (id),
    url         TEXT   NOT NULL, -- without https://
    created     BIGINT NOT NULL,
    client_ids  TEXT   NOT NULL, -- JSON
    thumbprints TEXT   NOT NULL, -- JSON
    tags        TEXT   NOT NULL  -- JSON
);
