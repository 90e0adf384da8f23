package directory

// The quotas, by the names that AWS's messages give them ("IAM and AWS STS
// quotas", IAM User Guide; "General purpose bucket quotas", Amazon S3 User
// Guide).
const (
	QuotaUsersPerAccount    = "UsersPerAccount"
	QuotaGroupsPerAccount   = "GroupsPerAccount"
	QuotaRolesPerAccount    = "RolesPerAccount"
	QuotaPoliciesPerAccount = "PoliciesPerAccount"
	QuotaBucketsPerAccount  = "BucketsPerAccount"

	QuotaInstanceProfilesPerAccount = "InstanceProfilesPerAccount"
	QuotaRolesPerInstanceProfile    = "InstanceSessionsPerInstanceProfile"

	QuotaProvidersPerAccount    = "OpenIdConnectProvidersPerAccount"
	QuotaClientIDsPerProvider   = "ClientIdsPerOpenIdConnectProvider"
	QuotaThumbprintsPerProvider = "ThumbprintsPerOpenIdConnectProvider"
	QuotaTagsPerProvider        = "TagsPerOpenIdConnectProvider"

	QuotaMFADevicesPerUser    = "MFADevicesPerUser"
	QuotaMFADevicesPerAccount = "VirtualMFADevicesPerAccount"

	QuotaGroupsPerUser     = "GroupsPerUser"
	QuotaAccessKeysPerUser = "AccessKeysPerUser" // and of an account's root
	QuotaVersionsPerPolicy = "VersionsPerPolicy"

	QuotaPoliciesPerUser  = "PoliciesPerUser" // attached managed policies
	QuotaPoliciesPerGroup = "PoliciesPerGroup"
	QuotaPoliciesPerRole  = "PoliciesPerRole"

	QuotaTagsPerUser            = "TagsPerUser"
	QuotaTagsPerRole            = "TagsPerRole"
	QuotaTagsPerPolicy          = "TagsPerPolicy"
	QuotaTagsPerInstanceProfile = "TagsPerInstanceProfile"
	QuotaTagsPerMFADevice       = "TagsPerMFADevice"
	QuotaTagsPerKMSKey          = "TagsPerKMSKey"

	// Sizes are in characters that are not white space.
	QuotaPolicySize      = "PolicySize"      // a managed policy
	QuotaACLSizePerRole  = "ACLSizePerRole"  // a trust policy
	QuotaUserPolicySize  = "UserPolicySize"  // all inline policies of a user together
	QuotaGroupPolicySize = "GroupPolicySize" // all inline policies of a group together
	QuotaRolePolicySize  = "RolePolicySize"  // all inline policies of a role together
)

var quotas = map[string]int{
	QuotaUsersPerAccount:            5000,
	QuotaGroupsPerAccount:           300,
	QuotaRolesPerAccount:            1000,
	QuotaPoliciesPerAccount:         1500,
	QuotaBucketsPerAccount:          10000,
	QuotaGroupsPerUser:              10,
	QuotaInstanceProfilesPerAccount: 1000,
	QuotaRolesPerInstanceProfile:    1,
	QuotaTagsPerInstanceProfile:     50,
	QuotaMFADevicesPerUser:          8,
	QuotaMFADevicesPerAccount:       5000,
	QuotaTagsPerMFADevice:           50,
	QuotaTagsPerKMSKey:              50,
	QuotaProvidersPerAccount:        100,
	QuotaClientIDsPerProvider:       100,
	QuotaThumbprintsPerProvider:     5,
	QuotaTagsPerProvider:            50,
	QuotaAccessKeysPerUser:          2,
	QuotaVersionsPerPolicy:          5,
	QuotaPoliciesPerUser:            10,
	QuotaPoliciesPerGroup:           10,
	QuotaPoliciesPerRole:            10,
	QuotaTagsPerUser:                50,
	QuotaTagsPerRole:                50,
	QuotaTagsPerPolicy:              50,
	QuotaPolicySize:                 6144,
	QuotaACLSizePerRole:             2048,
	QuotaUserPolicySize:             2048,
	QuotaGroupPolicySize:            5120,
	QuotaRolePolicySize:             10240,
}

// Quota returns the limit of a quota, or 0 for a name that is none.
func Quota(name string) int { return quotas[name] }

// within fails with a *LimitError when count is over a quota.
func within(quota string, count int) error {
	if limit := quotas[quota]; count > limit {
		return &LimitError{quota, limit}
	}
	return nil
}

// kindRules is what differs between users, groups and roles.
type kindRules struct {
	resource, prefix     string // of ARNs and of unique ids
	nameLength           int
	perAccount, attached string // quotas
	inlineSize, tags     string // quotas
	principal            bool   // has tags, and a permissions boundary
}

var kinds = map[EntityKind]kindRules{
	KindUser: {
		resource: "user", prefix: "AIDA", nameLength: 64,
		perAccount: QuotaUsersPerAccount, attached: QuotaPoliciesPerUser, inlineSize: QuotaUserPolicySize,
		tags: QuotaTagsPerUser, principal: true,
	},
	KindGroup: {
		resource: "group", prefix: "AGPA", nameLength: 128,
		perAccount: QuotaGroupsPerAccount, attached: QuotaPoliciesPerGroup, inlineSize: QuotaGroupPolicySize,
	},
	KindRole: {
		resource: "role", prefix: "AROA", nameLength: 64,
		perAccount: QuotaRolesPerAccount, attached: QuotaPoliciesPerRole, inlineSize: QuotaRolePolicySize,
		tags: QuotaTagsPerRole, principal: true,
	},
}

// documentSize counts the characters of documents that quotas count: all but
// white space.
func documentSize(documents ...string) int {
	n := 0
	for _, d := range documents {
		for _, r := range d {
			if r != ' ' && r != '\t' && r != '\n' && r != '\r' {
				n++
			}
		}
	}
	return n
}
