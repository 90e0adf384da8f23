package iam_test

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"slices"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query/querytest"
)

// readReport returns the credential report, by user and column.
func readReport(t *testing.T, s *querytest.Server) map[string]map[string]string {
	t.Helper()
	if a := s.Call("iam", "GenerateCredentialReport"); a.Status != 200 {
		t.Fatal(a.Body)
	}
	content, err := base64.StdEncoding.DecodeString(s.Call("iam", "GetCredentialReport").Value("Content"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	if len(rows) < 2 || len(rows[0]) != 22 || rows[1][0] != "<root_account>" {
		t.Fatalf("the report is\n%s", content)
	}
	report := map[string]map[string]string{}
	for _, row := range rows[1:] {
		report[row[0]] = map[string]string{}
		for i, column := range rows[0] {
			report[row[0]][column] = row[i]
		}
	}
	return report
}

// TestCredentialReport reads what a report says of keys, and lets it expire.
func TestCredentialReport(t *testing.T) {
	s, _, d := newServer(t)
	call := func(operation string, params ...string) *querytest.Answer {
		t.Helper()
		a := s.Call("iam", operation, params...)
		if a.Status != 200 {
			t.Fatalf("%s: %s", operation, a.Body)
		}
		return a
	}
	call("CreateUser", "UserName", "a,b=c", "Path", "/x/")
	call("CreateUser", "UserName", "bare")
	call("CreateAccessKey")
	for _, user := range []string{"new", "signed"} {
		call("CreateUser", "UserName", user)
		call("CreateLoginProfile", "UserName", user, "Password", "correct Horse 1")
	}
	if _, _, err := d.SignIn(t.Context(), querytest.AccountID, "signed", "correct Horse 1"); err != nil {
		t.Fatal(err)
	}
	call("UpdateAccountPasswordPolicy", "MaxPasswordAge", "90")
	keys := []string{
		call("CreateAccessKey", "UserName", "a,b=c").Value("AccessKey/AccessKeyId"),
		call("CreateAccessKey", "UserName", "a,b=c").Value("AccessKey/AccessKeyId"),
	}
	slices.Sort(keys)
	call("UpdateAccessKey", "UserName", "a,b=c", "AccessKeyId", keys[1], "Status", "Inactive")
	d.RecordKeyUse(keys[0], directory.LastUsed{Time: querytest.Now.Add(time.Minute), Service: "s3", Region: "eu-west-1"})

	const made = "2026-11-23T12:00:00+00:00"
	report := readReport(t, s)
	for user, want := range map[string]map[string]string{
		"<root_account>": {
			"arn": "arn:aws:iam::123456789012:root", "user_creation_time": made, "password_enabled": "not_supported", "password_last_used": "no_information",
			"password_last_changed": "not_supported", "password_next_rotation": "not_supported", "mfa_active": "false",
			"access_key_1_active": "true", "access_key_1_last_rotated": made, "access_key_2_active": "false", "access_key_2_last_rotated": "N/A",
		},
		"a,b=c": {
			"arn": "arn:aws:iam::123456789012:user/x/a,b=c", "user_creation_time": made, "password_enabled": "false", "password_last_used": "N/A",
			"password_last_changed": "N/A", "password_next_rotation": "N/A",
			"access_key_1_active": "true", "access_key_1_last_rotated": made, "access_key_1_last_used_date": "2026-11-23T12:01:00+00:00",
			"access_key_1_last_used_region": "eu-west-1", "access_key_1_last_used_service": "s3",
			"access_key_2_active": "false", "access_key_2_last_rotated": made, "access_key_2_last_used_date": "N/A",
			"access_key_2_last_used_region": "N/A", "access_key_2_last_used_service": "N/A",
		},
		"new": {
			"password_enabled": "true", "password_last_used": "no_information", "password_last_changed": made,
			"password_next_rotation": "2027-02-21T12:00:00+00:00", "mfa_active": "false",
		},
		"signed": {"password_enabled": "true", "password_last_used": made, "password_last_changed": made},
		"bare": {
			"access_key_1_active": "false", "access_key_1_last_rotated": "N/A", "access_key_2_last_used_service": "N/A", "mfa_active": "false",
			"cert_1_active": "false", "cert_1_last_rotated": "N/A", "cert_2_active": "false", "cert_2_last_rotated": "N/A",
		},
	} {
		for column, value := range want {
			if got := report[user][column]; got != value {
				t.Errorf("%s of %s is %q, want %q", column, user, got, value)
			}
		}
	}

	call("CreateUser", "UserName", "later")
	if report := readReport(t, s); len(report) != 5 {
		t.Errorf("a report within four hours has %d rows", len(report))
	}
	before := querytest.Now
	t.Cleanup(func() { querytest.Now = before })
	querytest.Now = before.Add(4 * time.Hour)
	if a := s.Call("iam", "GetCredentialReport"); a.Status != 410 || a.Code != "ReportExpired" {
		t.Errorf("a report of four hours ago: %s", a.Body)
	}
	if report := readReport(t, s); len(report) != 6 {
		t.Errorf("a new report has %d rows", len(report))
	}
}
