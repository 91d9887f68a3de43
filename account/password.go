package account

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Parameters of argon2id (RFC 9106) for new passwords: 19 MiB, two passes, one
// lane. Each stored hash carries its own, so these may grow later.
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashBytes  = 32
	saltBytes  = 16
)

// hashPassword returns the encoded form that is stored. It is slow on purpose.
func hashPassword(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails (crypto/rand, since Go 1.24)
	sum := argon2.IDKey([]byte(password), salt, hashPasses, hashMemory, 1, hashBytes)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, hashMemory, hashPasses, b64(salt), b64(sum))
}

// checkPassword tells whether password belongs to the encoded hash, taking as
// long for a wrong one as for the right one.
func checkPassword(encoded, password string) bool {
	var version int
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}

// nobody is checked when an e-mail is unknown, so that the time of an answer
// does not tell which addresses have accounts.
var nobody = hashPassword("nobody signs in with this")
