-- +goose Up
CREATE TABLE login_profiles (
    user_id        TEXT    NOT NULL PRIMARY KEY REFERENCES entities (id),
    created        BIGINT  NOT NULL,
    changed        BIGINT  NOT NULL, -- when the password was set
    used           BIGINT  NOT NULL,
    reset_required BOOLEAN NOT NULL,
    passwords      TEXT    NOT NULL  -- JSON: hashes, sealed, in base64; the password's first, then earlier ones
);
