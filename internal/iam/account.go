package iam

import (
	"context"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) accountOperations() []service.Operation {
	return []service.Operation{
		row(h, "GetAccountSummary", h.getAccountSummary),
		row(h, "GetAccountAuthorizationDetails", h.getAccountAuthorizationDetails),
	}
}

// summaryEntry is one number of an account's summary.
type summaryEntry struct {
	Key   string `xml:"key"`
	Value int    `xml:"value"`
}

type getAccountSummaryResult struct {
	SummaryMap struct {
		Entries []summaryEntry `xml:"entry"`
	}
}

type accountInput struct{ whole }

func (h *handlers) getAccountSummary(_ context.Context, r *service.Request, _ *accountInput) (*getAccountSummaryResult, error) {
	id := r.Caller.AccountID
	policies := h.directory.Policies(id, "")
	rootKeys, versions := 0, 0
	if len(h.directory.AccessKeys(id, "")) > 0 {
		rootKeys = 1
	}
	devices, inUse := h.directory.MFADevices(id), 0
	for _, m := range devices {
		if m.UserID != "" {
			inUse++
		}
	}
	for _, p := range policies {
		versions += len(h.directory.PolicyVersions(p.ARN))
	}
	result := &getAccountSummaryResult{}
	result.SummaryMap.Entries = []summaryEntry{
		{"Users", len(h.directory.Users(id, ""))},
		{"UsersQuota", directory.Quota(directory.QuotaUsersPerAccount)},
		{"Groups", len(h.directory.Groups(id, ""))},
		{"GroupsQuota", directory.Quota(directory.QuotaGroupsPerAccount)},
		{"Roles", len(h.directory.Roles(id, ""))},
		{"RolesQuota", directory.Quota(directory.QuotaRolesPerAccount)},
		{"Policies", len(policies)},
		{"PoliciesQuota", directory.Quota(directory.QuotaPoliciesPerAccount)},
		{"PolicyVersionsInUse", versions},
		{"VersionsPerPolicyQuota", directory.Quota(directory.QuotaVersionsPerPolicy)},
		{"PolicySizeQuota", directory.Quota(directory.QuotaPolicySize)},
		{"UserPolicySizeQuota", directory.Quota(directory.QuotaUserPolicySize)},
		{"GroupPolicySizeQuota", directory.Quota(directory.QuotaGroupPolicySize)},
		{"RolePolicySizeQuota", directory.Quota(directory.QuotaRolePolicySize)},
		{"AssumeRolePolicySizeQuota", directory.Quota(directory.QuotaACLSizePerRole)},
		{"AccessKeysPerUserQuota", directory.Quota(directory.QuotaAccessKeysPerUser)},
		{"GroupsPerUserQuota", directory.Quota(directory.QuotaGroupsPerUser)},
		{"AttachedPoliciesPerUserQuota", directory.Quota(directory.QuotaPoliciesPerUser)},
		{"AttachedPoliciesPerGroupQuota", directory.Quota(directory.QuotaPoliciesPerGroup)},
		{"AttachedPoliciesPerRoleQuota", directory.Quota(directory.QuotaPoliciesPerRole)},
		{"InstanceProfiles", len(h.directory.InstanceProfiles(id, ""))},
		{"InstanceProfilesQuota", directory.Quota(directory.QuotaInstanceProfilesPerAccount)},
		{"Providers", len(h.directory.OpenIDConnectProviders(id))},
		{"AccountAccessKeysPresent", rootKeys},
		{"AccountMFAEnabled", 0},
		{"MFADevices", len(devices)},
		{"MFADevicesInUse", inUse},
		// What there is not here, with AWS's quotas ("IAM and AWS STS quotas").
		{"AccountPasswordPresent", 0},
		{"AccountSigningCertificatesPresent", 0},
		{"GlobalEndpointTokenVersion", h.directory.TokenVersion(id)},
		{"PolicyVersionsInUseQuota", 10000},
		{"ServerCertificates", 0},
		{"ServerCertificatesQuota", 20},
		{"SigningCertificatesPerUserQuota", 2},
	}
	return result, nil
}
