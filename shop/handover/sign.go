package handover

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32 // the specification wants 24 to 64
)

// errSecret never says what the secret is.
var errSecret = errors.New("handover: not a signing secret")

// NewSecret makes a signing secret, in the form that receivers' libraries take.
func NewSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, since Go 1.24)
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// Sign returns the value of webhook-signature: "v1," and the base64 of
// HMAC-SHA256 over id, timestamp and body with dots between them, once for each
// secret. While a secret is being replaced there are two.
func Sign(id string, at time.Time, body []byte, secrets ...string) (string, error) {
	all := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		text, ok := strings.CutPrefix(secret, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(key) == 0 {
			return "", errSecret
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(all) == 0 {
		return "", errSecret
	}
	return strings.Join(all, " "), nil
}
