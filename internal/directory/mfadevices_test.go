package directory

import (
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/secrets"
)

// TestGuessesAtOnce has many codes guessed at once, all of which wait for their
// turn before the first is found wrong: no more of them are looked at than of
// those that come one after the other.
func TestGuessesAtOnce(t *testing.T) {
	ctx, dir, now := t.Context(), t.TempDir(), time.Unix(1_900_000_000, 0)
	keyring, err := secrets.OpenFile(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(ctx, Options{Path: filepath.Join(dir, "directory.db"), Keyring: keyring, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const account = "123456789012"
	if _, err := d.CreateAccount(ctx, Account{ID: account, Name: "a"}); err != nil {
		t.Fatal(err)
	}
	u, err := d.CreateUser(ctx, User{AccountID: account, Name: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	m, seed, err := d.CreateMFADevice(ctx, MFADevice{AccountID: account, Name: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	var codes [2]string
	for i := range codes {
		if codes[i], err = secrets.OneTimeCode(seed, now.Unix()/secrets.OneTimePeriod+int64(i)-1); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.EnableMFADevice(ctx, account, "bob", m.SerialNumber, codes[0], codes[1]); err != nil {
		t.Fatal(err)
	}

	d.writing.Lock()
	var begun, ended sync.WaitGroup
	for range 8 * maxWrongCodes {
		begun.Add(1)
		ended.Go(func() {
			begun.Done()
			if err := d.UseMFACode(ctx, u.ID, m.SerialNumber, codes[0]); !errors.Is(err, ErrWrongCode) {
				t.Errorf("a code that was used: %v", err)
			}
		})
	}
	begun.Wait()
	for range 1000 {
		runtime.Gosched()
	}
	d.writing.Unlock()
	ended.Wait()
	if n := d.attempts.wrong[m.SerialNumber]; n != maxWrongCodes {
		t.Errorf("%d codes were looked at, want %d", n, maxWrongCodes)
	}
}
