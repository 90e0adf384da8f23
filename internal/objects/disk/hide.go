package disk

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"strings"

	"github.com/minio/sio"

	"github.com/keywright/keywright/internal/objects"
)

// hidden begins the value of a checksum that is encrypted. A few bytes of content
// could be found by trying which have its checksum.
const hidden = "~"

const saltSize = 16

// textCipher is the cipher of one text about a content or a file.
func (k contentKey) textCipher(of id, salt []byte) (sio.Config, error) {
	key, err := hkdf.Expand(sha256.New, k, "keywright object checksum 1"+string(of[:])+string(salt), 32)
	return sio.Config{MinVersion: sio.Version20, MaxVersion: sio.Version20, CipherSuites: []byte{sio.AES_256_GCM}, Key: key}, err
}

// hide returns a checksum with its value encrypted.
func (k contentKey) hide(of id, c objects.Checksum) (objects.Checksum, error) {
	if c.Value == "" {
		return c, nil
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	config, err := k.textCipher(of, salt)
	if err != nil {
		return c, err
	}
	stored := bytes.NewBuffer(salt)
	if _, err := sio.Encrypt(stored, strings.NewReader(c.Value), config); err != nil {
		return c, err
	}
	c.Value = hidden + base64.StdEncoding.EncodeToString(stored.Bytes())
	return c, nil
}

func isHidden(c objects.Checksum) bool { return strings.HasPrefix(c.Value, hidden) }

// shown returns a checksum as it is told without the content's key.
func shown(c objects.Checksum) objects.Checksum {
	if isHidden(c) {
		c.Value = ""
	}
	return c
}

// know reveals the checksum of a part, or leaves it without value when k is nil.
func (p *partRecord) know(k contentKey) (err error) {
	p.known = shown(p.segment.checksum)
	if k != nil {
		p.known, err = k.reveal(p.segment.file, p.segment.checksum)
	}
	return err
}

// reveal undoes hide. A checksum that is not hidden stays as it is.
func (k contentKey) reveal(of id, c objects.Checksum) (objects.Checksum, error) {
	if !isHidden(c) {
		return c, nil
	}
	stored, err := base64.StdEncoding.DecodeString(c.Value[len(hidden):])
	if err != nil || len(stored) < saltSize {
		return c, corrupt(io.ErrUnexpectedEOF)
	}
	config, err := k.textCipher(of, stored[:saltSize])
	if err != nil {
		return c, err
	}
	var value strings.Builder
	if _, err := sio.Decrypt(&value, bytes.NewReader(stored[saltSize:]), config); err != nil {
		return c, corrupt(err)
	}
	c.Value = value.String()
	return c, nil
}
