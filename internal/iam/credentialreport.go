package iam

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"strconv"
	"sync"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) reportOperations() []service.Operation {
	return []service.Operation{
		row(h, "GenerateCredentialReport", h.generateCredentialReport),
		row(h, "GetCredentialReport", h.getCredentialReport),
	}
}

// reportAge is how long a credential report stands for those that are asked for
// after it ("Generate credential reports for your AWS account", IAM User Guide).
const reportAge = 4 * time.Hour

// credentialReport is a report as it was when it was generated.
type credentialReport struct {
	generated time.Time
	content   []byte
}

// credentialReports hold the last report of each account, until the server
// stops. It is safe for concurrent use.
type credentialReports struct {
	mu        sync.Mutex
	byAccount map[string]credentialReport
}

func (c *credentialReports) get(accountID string) (credentialReport, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	report, ok := c.byAccount[accountID]
	return report, ok
}

func (c *credentialReports) put(accountID string, report credentialReport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byAccount == nil {
		c.byAccount = map[string]credentialReport{}
	}
	c.byAccount[accountID] = report
}

type generateCredentialReportResult struct{ State string }

// generateCredentialReport makes a report at once, unless there is a recent one.
func (h *handlers) generateCredentialReport(_ context.Context, r *service.Request, _ *accountInput) (*generateCredentialReportResult, error) {
	id := r.Caller.AccountID
	if last, ok := h.reports.get(id); !ok || r.Time.Sub(last.generated) >= reportAge {
		content, err := h.credentialReport(id)
		if err != nil {
			return nil, err
		}
		h.reports.put(id, credentialReport{r.Time, content})
	}
	return &generateCredentialReportResult{"COMPLETE"}, nil
}

type getCredentialReportResult struct{ Content, ReportFormat, GeneratedTime string }

func (h *handlers) getCredentialReport(_ context.Context, r *service.Request, _ *accountInput) (*getCredentialReportResult, error) {
	report, ok := h.reports.get(r.Caller.AccountID)
	if !ok {
		return nil, awserr.ReportNotPresent
	}
	if r.Time.Sub(report.generated) >= reportAge {
		return nil, awserr.ReportExpired
	}
	return &getCredentialReportResult{base64.StdEncoding.EncodeToString(report.content), "text/csv", query.Timestamp(report.generated)}, nil
}

// reportColumns are the columns of a credential report.
var reportColumns = []string{
	"user", "arn", "user_creation_time",
	"password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
}

const notApplicable = "N/A"

// credentialReport writes the report of an account: its root first, then its
// users by name.
func (h *handlers) credentialReport(accountID string) ([]byte, error) {
	rows := [][]string{reportColumns}
	if a, ok := h.directory.Account(accountID); ok {
		rows = append(rows, h.reportRow(accountID, "<root_account>", "arn:aws:iam::"+accountID+":root", a.Created, ""))
	}
	for _, u := range h.directory.Users(accountID, "") {
		rows = append(rows, h.reportRow(accountID, u.Name, u.ARN, u.Created, u.Name))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// reportRow is the row of a user, or of the account's root when keysOf is "".
// Nobody has a certificate here, and root neither a password nor a second factor.
func (h *handlers) reportRow(accountID, name, arn string, created time.Time, keysOf string) []string {
	row := []string{name, arn, reportTime(created)}
	if keysOf == "" {
		row = append(row, "not_supported", "no_information", "not_supported", "not_supported")
	} else {
		row = append(row, h.passwordColumns(accountID, keysOf)...)
	}
	row = append(row, strconv.FormatBool(len(h.directory.MFADevicesForUser(accountID, keysOf)) > 0))
	keys := h.directory.AccessKeys(accountID, keysOf)
	for i := range directory.Quota(directory.QuotaAccessKeysPerUser) {
		if i < len(keys) {
			row = append(row, keyColumns(keys[i])...)
		} else {
			row = append(row, "false", notApplicable, notApplicable, notApplicable, notApplicable)
		}
	}
	return append(row, "false", notApplicable, "false", notApplicable)
}

// passwordColumns tell of a user's password. It is to be changed only where the
// account's password policy says so.
func (h *handlers) passwordColumns(accountID, userName string) []string {
	p, ok := h.directory.LoginProfile(accountID, userName)
	if !ok {
		return []string{"false", notApplicable, notApplicable, notApplicable}
	}
	used, next := "no_information", notApplicable
	if !p.LastUsed.IsZero() {
		used = reportTime(p.LastUsed)
	}
	if policy, ok := h.directory.PasswordPolicy(accountID); ok && policy.MaxAge > 0 {
		next = reportTime(p.Changed.AddDate(0, 0, policy.MaxAge))
	}
	return []string{"true", used, reportTime(p.Changed), next}
}

func keyColumns(k directory.AccessKey) []string {
	columns := []string{strconv.FormatBool(k.Active), reportTime(k.Created)}
	if k.LastUsed.Time.IsZero() {
		return append(columns, notApplicable, notApplicable, notApplicable)
	}
	return append(columns, reportTime(k.LastUsed.Time), k.LastUsed.Region, k.LastUsed.Service)
}

func reportTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
