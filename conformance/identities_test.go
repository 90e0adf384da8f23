package conformance

import (
	"strings"
	"testing"

	"github.com/keywright/keywright/conformance/harness"
)

// TestForcedDeletion asks for everything that Terraform's aws_iam_user asks for
// before it deletes a user with force_destroy, and what credential scanners ask
// of a user and an account.
func TestForcedDeletion(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	sh := newShell(t, s, s.Root)
	newUser(t, s, "leaver")
	for command, empty := range map[string]string{
		"list-mfa-devices": `"MFADevices": []`, "list-ssh-public-keys": `"SSHPublicKeys": []`,
		"list-signing-certificates": `"Certificates": []`, "list-service-specific-credentials": `"ServiceSpecificCredentials": []`,
		"list-groups-for-user": `"Groups": []`, "list-user-policies": `"PolicyNames": []`, "list-attached-user-policies": `"AttachedPolicies": []`,
	} {
		contains(t, sh.ok("iam", command, "--user-name", "leaver"), empty)
		sh.fails([]string{"iam", command, "--user-name", "nobody"}, "NoSuchEntity", "The user with name nobody cannot be found.")
		ran(t, "client cli identities")
	}
	for command, empty := range map[string]string{
		"list-virtual-mfa-devices": `"VirtualMFADevices": []`, "list-server-certificates": `"ServerCertificateMetadataList": []`,
		"list-saml-providers": `"SAMLProviderList": []`, "list-mfa-devices": `"MFADevices": []`,
	} {
		contains(t, sh.ok("iam", command), empty)
		ran(t, "client cli identities")
	}
	keys := sh.ok("iam", "list-access-keys", "--user-name", "leaver", "--query", "AccessKeyMetadata[0].AccessKeyId", "--output", "text")
	sh.fails([]string{"iam", "delete-user", "--user-name", "leaver"}, "DeleteConflict", "must delete access keys first")
	sh.ok("iam", "delete-access-key", "--user-name", "leaver", "--access-key-id", strings.TrimSpace(keys))
	sh.ok("iam", "delete-user", "--user-name", "leaver")
	sh.fails([]string{"iam", "get-user", "--user-name", "leaver"}, "NoSuchEntity")
	ran(t, "client cli identities")
}
