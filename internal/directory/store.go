package directory

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// statement is one SQL statement, written so that SQLite and PostgreSQL both
// take it.
type statement struct {
	query string
	args  []any
}

// scanner is a row of a result.
type scanner interface{ Scan(columns ...any) error }

// store is the directory's database: one connection, which holds SQLite's
// exclusive lock, so that nothing changes behind the view.
type store struct{ db *sql.DB }

// openStore opens or makes the database file, takes its lock and migrates it.
func openStore(ctx context.Context, path string, log *slog.Logger) (*store, error) {
	if err := createDatabaseFile(path); err != nil {
		return nil, err
	}
	// The lock is asked for before the journal's mode, whose change takes it. A
	// process that is ending has a second to give it up.
	parameters := url.Values{
		"_busy_timeout": {"1000"}, "_foreign_keys": {"on"}, "_journal_mode": {"WAL"}, "_synchronous": {"FULL"},
		"_pragma": {"locking_mode(EXCLUSIVE)", "secure_delete(ON)"}, "_txlock": {"immediate"},
	}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: parameters.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &store{db}
	if err := s.prepare(ctx, log); err != nil {
		return nil, errors.Join(lockError(err), db.Close())
	}
	return s, nil
}

func (s *store) prepare(ctx context.Context, log *slog.Logger) error {
	if err := s.commit(ctx, nil); err != nil {
		return err
	}
	return s.migrate(ctx, log)
}

func lockError(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY {
		return fmt.Errorf("%w: stop it, or use another data directory", ErrLocked)
	}
	return err
}

// createDatabaseFile makes an empty file that only its owner may read: SQLite's
// own would be as open as the umask lets it be.
func createDatabaseFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// migrate brings the schema up to date, and refuses one of a later version of
// the program.
func (s *store) migrate(ctx context.Context, log *slog.Logger) error {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.db, folder, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("its schema has version %d and this program knows %d: run the later version of the program that wrote it", current, target)
	}
	done, err := p.Up(ctx)
	if err != nil {
		return err
	}
	if len(done) > 0 && current > 0 {
		log.InfoContext(ctx, "directory migrated", "from", current, "to", target)
	}
	return nil
}

// commit runs statements in one transaction, which is durable when it returns
// nil and never happened when it does not. No statements are an empty
// transaction, which takes the lock.
func (s *store) commit(ctx context.Context, statements []statement) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, st := range statements {
		if _, err := tx.ExecContext(ctx, st.query, st.args...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// each calls scan for every row of a query.
func (s *store) each(ctx context.Context, query string, scan func(scanner) error) error {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// forget takes from the disk what was deleted: the file has it no more, by
// secure_delete, and this takes it from the log.
func (s *store) forget(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

func (s *store) ping(ctx context.Context) error {
	var one int
	return s.db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

func (s *store) close() error { return s.db.Close() }
