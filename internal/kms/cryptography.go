package kms

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

func (s *Service) cryptographicRows() []service.Operation {
	return []service.Operation{
		s.encrypt(), s.decrypt(), s.reEncrypt(), s.generateRandom(),
		s.generateDataKey("GenerateDataKey", true), s.generateDataKey("GenerateDataKeyWithoutPlaintext", false),
	}
}

// What an operation may bring ("AWS KMS API Reference").
const (
	maxPlaintext  = 4096
	maxCiphertext = 6144
	maxContext    = 8192
	maxRandom     = 1024
)

// A ciphertext names its key, so that Decrypt needs no other word of it.
const (
	ciphertextVersion = 1
	ciphertextHeader  = 1 + 16
)

// join returns the ciphertext of what a key has sealed.
func join(k *directory.KMSKey, sealed []byte) ([]byte, error) {
	id, err := hex.DecodeString(strings.ReplaceAll(k.ID, "-", ""))
	return append(append([]byte{ciphertextVersion}, id...), sealed...), err
}

// split returns the id of a ciphertext's key, and what it has sealed.
func split(ciphertext []byte) (keyID string, sealed []byte, err error) {
	if len(ciphertext) <= ciphertextHeader || ciphertext[0] != ciphertextVersion {
		return "", nil, invalidCiphertext
	}
	h := hex.EncodeToString(ciphertext[1:ciphertextHeader])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], ciphertext[ciphertextHeader:], nil
}

// purpose is the associated data of what the operations of this API seal, which
// nothing that S3 has sealed opens with.
var purpose = []byte("keywright kms ciphertext 1")

// seal encrypts plaintext for a use of a key.
func seal(u Use, plaintext []byte) ([]byte, error) {
	sealed, err := u.Seal(plaintext, purpose)
	if err != nil {
		return nil, fault(u.Key.ARN, err)
	}
	return join(u.Key, sealed)
}

// common are the members that every use of a key can have.
type common struct {
	GrantTokens []string
	DryRun      bool
}

// refuse ends a use of a key that was allowed and would succeed.
func (c *common) refuse(k *directory.KMSKey) error {
	if len(c.GrantTokens) > 0 {
		return invalidGrantToken
	}
	if err := k.Usable(); err != nil {
		return fault(k.ARN, err)
	}
	if c.DryRun {
		return dryRun
	}
	return nil
}

func checkContext(bound map[string]string) error {
	size := 0
	for name, value := range bound {
		size += len(name) + len(value)
	}
	if size > maxContext {
		return validation.WithMessage("An encryption context has at most %d bytes.", maxContext)
	}
	return nil
}

func checkAlgorithm(names ...string) error {
	for _, name := range names {
		if name != "" && name != algorithm {
			return refusal("InvalidKeyUsageException", "The key has no algorithm "+name+".")
		}
	}
	return nil
}

type encryptInput struct {
	forKey
	common
	Plaintext           []byte
	EncryptionContext   map[string]string
	EncryptionAlgorithm string
}

type encryptOutput struct {
	CiphertextBlob      []byte
	KeyID               string `json:"KeyId"`
	EncryptionAlgorithm string
}

func (s *Service) encrypt() service.Operation {
	return define(spec[encryptInput, encryptOutput]{
		name: "Encrypt",
		check: func(in *encryptInput) error {
			if len(in.Plaintext) < 1 || len(in.Plaintext) > maxPlaintext {
				return validation.WithMessage("Plaintext has 1 to %d bytes.", maxPlaintext)
			}
			return firstOf(in.checkKey(), checkContext(in.EncryptionContext), checkAlgorithm(in.EncryptionAlgorithm))
		},
		needs: useNeeds(s, "kms:Encrypt", func(in *encryptInput) (*forKey, map[string]string) { return &in.forKey, in.EncryptionContext }),
		serve: func(_ context.Context, _ *service.Request, in *encryptInput) (out encryptOutput, err error) {
			if err := in.refuse(in.key); err != nil {
				return out, err
			}
			out = encryptOutput{KeyID: in.key.ARN, EncryptionAlgorithm: algorithm}
			out.CiphertextBlob, err = seal(Use{Key: in.key, Context: in.EncryptionContext}, in.Plaintext)
			return out, err
		},
	})
}

// firstOf returns the first error.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

type dataKeyInput struct {
	forKey
	common
	EncryptionContext map[string]string
	NumberOfBytes     *int
	KeySpec           string
}

type dataKeyOutput struct {
	CiphertextBlob []byte
	Plaintext      []byte `json:",omitempty"`
	KeyID          string `json:"KeyId"`
}

func (in *dataKeyInput) size() int {
	switch {
	case in.NumberOfBytes != nil:
		return *in.NumberOfBytes
	case in.KeySpec == "AES_128":
		return 16
	}
	return 32
}

func (s *Service) generateDataKey(name string, shows bool) service.Operation {
	return define(spec[dataKeyInput, dataKeyOutput]{
		name: name,
		check: func(in *dataKeyInput) error {
			switch {
			case (in.NumberOfBytes == nil) == (in.KeySpec == ""):
				return validation.WithMessage("Please specify either number of bytes or key spec.")
			case in.KeySpec != "" && in.KeySpec != "AES_128" && in.KeySpec != "AES_256":
				return validation.WithMessage("KeySpec is AES_256 or AES_128.")
			case in.size() < 1 || in.size() > maxRandom:
				return validation.WithMessage("NumberOfBytes must be from 1 to %d.", maxRandom)
			}
			return firstOf(in.checkKey(), checkContext(in.EncryptionContext))
		},
		needs: useNeeds(s, "kms:"+name, func(in *dataKeyInput) (*forKey, map[string]string) { return &in.forKey, in.EncryptionContext }),
		serve: func(_ context.Context, _ *service.Request, in *dataKeyInput) (out dataKeyOutput, err error) {
			if err := in.refuse(in.key); err != nil {
				return out, err
			}
			plaintext := make([]byte, in.size())
			rand.Read(plaintext)
			out.KeyID = in.key.ARN
			if out.CiphertextBlob, err = seal(Use{Key: in.key, Context: in.EncryptionContext}, plaintext); shows {
				out.Plaintext = plaintext
			}
			return out, err
		},
	})
}

type randomInput struct {
	NumberOfBytes    *int
	CustomKeyStoreID string `json:"CustomKeyStoreId"`
}

type randomOutput struct{ Plaintext []byte }

func (s *Service) generateRandom() service.Operation {
	return define(spec[randomInput, randomOutput]{
		name: "GenerateRandom",
		check: func(in *randomInput) error {
			switch {
			case in.CustomKeyStoreID != "":
				return unsupported.WithMessage("There are no key stores.")
			case in.NumberOfBytes == nil || *in.NumberOfBytes < 1 || *in.NumberOfBytes > maxRandom:
				return validation.WithMessage("NumberOfBytes must be from 1 to %d.", maxRandom)
			}
			return nil
		},
		needs: func(*service.Request, *randomInput) ([]service.Need, error) {
			return []service.Need{{Action: "kms:GenerateRandom", Resource: "*"}}, nil
		},
		serve: func(_ context.Context, _ *service.Request, in *randomInput) (randomOutput, error) {
			out := randomOutput{make([]byte, *in.NumberOfBytes)}
			rand.Read(out.Plaintext)
			return out, nil
		},
	})
}

// ciphertext is what a request decrypts, with the key that has made it.
type ciphertext struct {
	keyID  string
	sealed []byte
	key    *directory.KMSKey
	hidden bool // whether a denial tells nothing of the key
}

func (c *ciphertext) read(blob []byte) (err error) {
	if len(blob) < 1 || len(blob) > maxCiphertext {
		return validation.WithMessage("CiphertextBlob has 1 to %d bytes.", maxCiphertext)
	}
	c.keyID, c.sealed, err = split(blob)
	return err
}

// need finds the key, which a request may name besides, and returns the need of
// its use, the first of the request. Whoever names no key learns of another
// account's no more than that he may not use it, if there is one.
func (c *ciphertext) need(s *Service, r *service.Request, named, action string, bound map[string]string, more ...func(*condition.Context)) (n service.Need, err error) {
	u := Use{Context: bound}
	if named != "" {
		if c.key, u.Alias, err = s.find(r, named, action, true); err == nil && c.key.ID != c.keyID {
			err = incorrectKey
		}
	} else if k, ok := s.directory.KMSKey(c.keyID); ok {
		c.key = k
	} else {
		err = errCiphertextOfKey
	}
	if err != nil {
		return n, err
	}
	u.Key = c.key
	c.hidden = named == "" && c.key.AccountID != r.Caller.AccountID
	n = u.Need(r, action, more...)
	n.Optional = c.hidden
	return n, nil
}

// denied is the answer to who lacks the need.
func (c *ciphertext) denied(r *service.Request) error {
	if c.hidden && r.Denied(0) != nil {
		return errCiphertextOfKey
	}
	return nil
}

func (c *ciphertext) open(u Use) ([]byte, error) {
	plaintext, err := u.Open(c.sealed, purpose)
	return plaintext, fault(u.Key.ARN, err)
}

type decryptInput struct {
	common
	KeyID               string `json:"KeyId"`
	CiphertextBlob      []byte
	EncryptionContext   map[string]string
	EncryptionAlgorithm string

	ciphertext ciphertext
}

type decryptOutput struct {
	KeyID               string `json:"KeyId"`
	Plaintext           []byte
	EncryptionAlgorithm string
}

func (s *Service) decrypt() service.Operation {
	const action = "kms:Decrypt"
	return define(spec[decryptInput, decryptOutput]{
		name: "Decrypt",
		check: func(in *decryptInput) error {
			return firstOf(checkContext(in.EncryptionContext), checkAlgorithm(in.EncryptionAlgorithm), in.ciphertext.read(in.CiphertextBlob))
		},
		needs: func(r *service.Request, in *decryptInput) ([]service.Need, error) {
			n, err := in.ciphertext.need(s, r, in.KeyID, action, in.EncryptionContext)
			return []service.Need{n}, err
		},
		serve: func(_ context.Context, r *service.Request, in *decryptInput) (out decryptOutput, err error) {
			k := in.ciphertext.key
			if err := firstOf(in.ciphertext.denied(r), in.refuse(k)); err != nil {
				return out, err
			}
			out = decryptOutput{KeyID: k.ARN, EncryptionAlgorithm: algorithm}
			out.Plaintext, err = in.ciphertext.open(Use{Key: k, Context: in.EncryptionContext})
			return out, err
		},
	})
}

type reEncryptInput struct {
	common
	CiphertextBlob                                            []byte
	SourceKeyID                                               string `json:"SourceKeyId"`
	DestinationKeyID                                          string `json:"DestinationKeyId"`
	SourceEncryptionContext, DestinationEncryptionContext     map[string]string
	SourceEncryptionAlgorithm, DestinationEncryptionAlgorithm string

	ciphertext ciphertext
	to         *directory.KMSKey
}

type reEncryptOutput struct {
	CiphertextBlob                                            []byte
	SourceKeyID                                               string `json:"SourceKeyId"`
	KeyID                                                     string `json:"KeyId"`
	SourceEncryptionAlgorithm, DestinationEncryptionAlgorithm string
}

func (s *Service) reEncrypt() service.Operation {
	return define(spec[reEncryptInput, reEncryptOutput]{
		name: "ReEncrypt",
		check: func(in *reEncryptInput) error {
			return firstOf(checkKeyID("DestinationKeyId", in.DestinationKeyID), checkContext(in.SourceEncryptionContext), checkContext(in.DestinationEncryptionContext),
				checkAlgorithm(in.SourceEncryptionAlgorithm, in.DestinationEncryptionAlgorithm), in.ciphertext.read(in.CiphertextBlob))
		},
		needs: s.reEncryptNeeds,
		serve: func(_ context.Context, r *service.Request, in *reEncryptInput) (out reEncryptOutput, err error) {
			from := in.ciphertext.key
			if err := firstOf(in.ciphertext.denied(r), fault(from.ARN, from.Usable()), in.refuse(in.to)); err != nil {
				return out, err
			}
			plaintext, err := in.ciphertext.open(Use{Key: from, Context: in.SourceEncryptionContext})
			if err != nil {
				return out, err
			}
			out = reEncryptOutput{SourceKeyID: from.ARN, KeyID: in.to.ARN, SourceEncryptionAlgorithm: algorithm, DestinationEncryptionAlgorithm: algorithm}
			out.CiphertextBlob, err = seal(Use{Key: in.to, Context: in.DestinationEncryptionContext}, plaintext)
			return out, err
		},
	})
}

func (s *Service) reEncryptNeeds(r *service.Request, in *reEncryptInput) ([]service.Need, error) {
	same := func(c *condition.Context) { c.SetBool("kms:ReEncryptOnSameKey", in.to.ID == in.ciphertext.key.ID) }
	from, err := in.ciphertext.need(s, r, in.SourceKeyID, "kms:ReEncryptFrom", in.SourceEncryptionContext, same)
	if err != nil {
		return nil, err
	}
	var alias string
	if in.to, alias, err = s.find(r, in.DestinationKeyID, "kms:ReEncryptTo", true); err != nil {
		return nil, err
	}
	return []service.Need{from, Use{Key: in.to, Context: in.DestinationEncryptionContext, Alias: alias}.Need(r, "kms:ReEncryptTo", same)}, nil
}
