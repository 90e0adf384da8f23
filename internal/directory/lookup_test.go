package directory_test

import (
	"fmt"
	"testing"

	"github.com/keywright/keywright/internal/directory"
)

// populated returns a directory of users, in two accounts, with an access key
// and three policies each.
func populated(tb testing.TB, users int) (d *directory.Directory, keys []string) {
	tb.Helper()
	f, k := newFile(tb), newKeyring(tb)
	check(tb, newDirectory(tb, f, k).Close())
	f.execute(tb, `INSERT INTO accounts VALUES ('222222222222', 'c2', '', 1)`)
	numbers := fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `, users-1)
	f.execute(tb,
		`INSERT INTO entities (id, account_id, kind, path, name, name_key, created, boundary, tags, description, max_session, trust_policy, trust_principals) `+
			numbers+`SELECT 'AIDA' || i, CASE i % 2 WHEN 0 THEN '`+account+`' ELSE '222222222222' END, 'user', '/', 'n' || i, 'n' || i, 1, '', 'null', '', 0, '', 'null' FROM n`,
		`INSERT INTO inline_policies (entity_id, name, document) SELECT id, 'inline', '`+allowAll+`' FROM entities`,
		`INSERT INTO attachments (entity_id, policy_arn) SELECT id, '`+administratorAccess+`' FROM entities`,
		`INSERT INTO attachments (entity_id, policy_arn) SELECT id, 'arn:aws:iam::aws:policy/IAMReadOnlyAccess' FROM entities`,
	)
	d = open(tb, f, k, quiet)
	for i := range min(users, 1000) {
		a, name := account, fmt.Sprintf("n%d", i)
		if i%2 == 1 {
			a = "222222222222"
		}
		key, _, err := d.CreateAccessKey(tb.Context(), a, name)
		check(tb, err)
		keys = append(keys, key.ID)
	}
	return d, keys
}

// lookUp is what authenticating a request asks of the directory.
func lookUp(d *directory.Directory, keyID string) bool {
	c, ok := d.Credential(keyID)
	if !ok {
		return false
	}
	u, ok := d.UserByID(c.UserID)
	if !ok {
		return false
	}
	p, ok := d.PoliciesOfUser(u.ID)
	return ok && len(p.Identity) == 3
}

func TestLookUpAllocatesNothing(t *testing.T) {
	d, keys := populated(t, 10)
	i := 0
	allocations := testing.AllocsPerRun(1000, func() {
		i++
		if !lookUp(d, keys[i%len(keys)]) {
			t.Fatal("not found")
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations for each look-up", allocations)
	}
}

func BenchmarkLookUp(b *testing.B) {
	d, keys := populated(b, 10_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if !lookUp(d, keys[i%len(keys)]) {
			b.Fatal("not found")
		}
	}
}

func BenchmarkLookUpParallel(b *testing.B) {
	d, keys := populated(b, 10_000)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if !lookUp(d, keys[i%len(keys)]) {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	f, k := newFile(b), newKeyring(b)
	d := newDirectory(b, f, k)
	for i := range 1000 {
		u := createUser(b, d, fmt.Sprintf("u%d", i))
		check(b, d.PutInlinePolicy(b.Context(), directory.Entity{AccountID: account, Kind: directory.KindUser, Name: u.Name}, "inline", allowAll))
	}
	check(b, d.Close())
	for b.Loop() {
		d, err := f.Open(b.Context(), directory.Options{Keyring: k, Logger: quiet})
		check(b, err)
		check(b, d.Close())
	}
}

func BenchmarkCreateUser(b *testing.B) {
	d := newDirectory(b, newFile(b), newKeyring(b))
	i := 0
	for b.Loop() {
		name := fmt.Sprintf("u%d", i)
		createUser(b, d, name)
		if i++; i%4000 == 0 { // within the account's quota
			b.StopTimer()
			for _, u := range d.Users(account, "") {
				check(b, d.DeleteUser(b.Context(), account, u.Name))
			}
			b.StartTimer()
		}
	}
}
