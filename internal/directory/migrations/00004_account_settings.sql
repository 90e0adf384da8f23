-- +goose Up
CREATE TABLE account_settings (
    account_id      TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    alias           TEXT UNIQUE, -- NULL for none
    password_policy TEXT         -- JSON; NULL for none
);
