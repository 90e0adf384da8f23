package kms

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

// Use is a use of a key that a request makes.
type Use struct {
	Key     *directory.KMSKey
	Context map[string]string // the encryption context
	Alias   string            // by which the request names the key, with "alias/", or ""
	// Via is the service that uses the key for its caller, as kms:ViaService names
	// it; "" when the caller asks the key service himself.
	Via string
}

// cryptographic are the actions that encrypt or decrypt with the algorithm that
// symmetric keys have.
var cryptographic = []string{
	"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
}

// Need is the need for an action on the key, on which its policy decides too
// ("AWS KMS condition keys", AWS KMS Developer Guide).
func (u Use) Need(r *service.Request, action string, more ...func(*condition.Context)) service.Need {
	return service.Need{Action: action, Resource: u.Key.ARN, Shown: u.shown(r), Key: u.Key, Context: func(c *condition.Context) {
		u.setCaller(c, r)
		SetKey(c, u.Key)
		if u.Alias != "" {
			c.SetString("kms:RequestAlias", u.Alias)
		}
		if slices.Contains(cryptographic, action) {
			c.SetString("kms:EncryptionAlgorithm", algorithm)
			names := slices.Sorted(maps.Keys(u.Context))
			for _, name := range names {
				if name != "" { // which no key can name
					c.SetString("kms:EncryptionContext:"+name, u.Context[name])
				}
			}
			if len(names) > 0 {
				c.SetStrings("kms:EncryptionContextKeys", names)
			}
		}
		for _, set := range more {
			set(c)
		}
	}}
}

// shown is what a denial calls the key: what another account's alias names is
// for who may use it to know.
func (u Use) shown(r *service.Request) string {
	if u.Alias == "" || u.Key.AccountID == r.Caller.AccountID {
		return ""
	}
	return strings.TrimSuffix(u.Key.ARN, "key/"+u.Key.ID) + u.Alias
}

// setCaller sets who asks, and through which service. What a service asks for its
// caller comes from the service's address, which is nobody's here ("AWS global
// condition context keys", IAM User Guide).
func (u Use) setCaller(c *condition.Context, r *service.Request) {
	c.SetString("kms:CallerAccount", r.Caller.AccountID)
	if u.Via == "" {
		return
	}
	c.SetString("kms:ViaService", u.Via)
	c.SetBool("aws:ViaAWSService", true)
	c.Delete("aws:SourceIp")
}

// SetKey sets the condition keys that a key brings.
func SetKey(c *condition.Context, k *directory.KMSKey) {
	setKind(c)
	if len(k.Aliases) > 0 {
		c.SetStrings("kms:ResourceAliases", k.Aliases)
	}
	for _, t := range k.Tags {
		c.SetString("aws:ResourceTag/"+t.Key, t.Value)
	}
}

// setKind sets the condition keys of what every key here is, two of them also by
// their former names.
func setKind(c *condition.Context) {
	c.SetString("kms:KeySpec", algorithm)
	c.SetString("kms:CustomerMasterKeySpec", algorithm)
	c.SetString("kms:KeyUsage", usage)
	c.SetString("kms:CustomerMasterKeyUsage", usage)
	c.SetString("kms:KeyOrigin", origin)
	c.SetBool("kms:MultiRegion", false)
}

// What every key here is.
const (
	algorithm = "SYMMETRIC_DEFAULT"
	usage     = "ENCRYPT_DECRYPT"
	origin    = "AWS_KMS"
)

// Seal encrypts plaintext, bound to the encryption context and to associated
// data. It fails as directory.KMSKey's does.
func (u Use) Seal(plaintext, associatedData []byte) ([]byte, error) {
	return u.Key.Seal(plaintext, append(u.bound(), associatedData...))
}

// Open decrypts what Seal returned.
func (u Use) Open(sealed, associatedData []byte) ([]byte, error) {
	return u.Key.Open(sealed, append(u.bound(), associatedData...))
}

// bound returns the encryption context so that no two are alike, and none is the
// beginning of another.
func (u Use) bound() []byte {
	b := binary.AppendUvarint([]byte("keywright encryption context 1"), uint64(len(u.Context)))
	for _, name := range slices.Sorted(maps.Keys(u.Context)) {
		for _, text := range []string{name, u.Context[name]} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
	}
	return b
}

// aboutAny is the need for an action that is about no one key.
func aboutAny(r *service.Request, action string, more ...func(*condition.Context)) service.Need {
	return aboutResource(r, action, "*", more...)
}

// aboutResource is the need for an action on what has no policy of its own.
func aboutResource(r *service.Request, action, resource string, more ...func(*condition.Context)) service.Need {
	return service.Need{Action: action, Resource: resource, Context: func(c *condition.Context) {
		Use{}.setCaller(c, r)
		for _, set := range more {
			set(c)
		}
	}}
}
