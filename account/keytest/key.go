// Package keytest is an authenticator in software, for tests: it makes and uses
// passkeys as WebAuthn 3, section 6, has it.
package keytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// Key is an authenticator with one passkey. Its fields may be changed between
// two ceremonies, to be wrong in some way.
type Key struct {
	ID, Handle []byte
	Count      uint32
	Flags      byte // of the authenticator data

	private *ecdsa.PrivateKey
}

// Flags of the authenticator data (section 6.1).
const (
	Present  = 1 << 0
	Verified = 1 << 2
	Eligible = 1 << 3
	Backed   = 1 << 4
	attested = 1 << 6
)

// New returns an authenticator that asks who holds it, and keeps a copy.
func New(t testing.TB) *Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	rand.Read(id)
	return &Key{ID: id, private: private, Flags: Present | Verified | Eligible | Backed}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (k *Key) clientData(kind, challenge, origin string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false})
	return b
}

func (k *Key) data(party string, flags byte) []byte {
	sum := sha256.Sum256([]byte(party))
	out := append(sum[:], k.Flags|flags)
	return binary.BigEndian.AppendUint32(out, k.Count)
}

// Attest is the answer to navigator.credentials.create.
func (k *Key) Attest(t testing.TB, options map[string]any, party, origin string) string {
	t.Helper()
	public := options["publicKey"].(map[string]any)
	handle, err := base64.RawURLEncoding.DecodeString(public["user"].(map[string]any)["id"].(string))
	if err != nil {
		t.Fatal(err)
	}
	k.Handle = handle
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		t.Fatal(err)
	}
	data := append(k.data(party, attested), make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.ID)))
	data = append(append(data, k.ID...), cose...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		t.Fatal(err)
	}
	return k.answer(map[string]any{
		"clientDataJSON": b64(k.clientData("webauthn.create", public["challenge"].(string), origin)), "attestationObject": b64(object),
	})
}

// Assert is the answer to navigator.credentials.get.
func (k *Key) Assert(t testing.TB, options map[string]any, party, origin string) string {
	t.Helper()
	client := k.clientData("webauthn.get", options["publicKey"].(map[string]any)["challenge"].(string), origin)
	data := k.data(party, 0)
	sum := sha256.Sum256(client)
	signed := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, signed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k.answer(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(k.Handle),
	})
}

func (k *Key) answer(response map[string]any) string {
	b, _ := json.Marshal(map[string]any{"id": b64(k.ID), "rawId": b64(k.ID), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	return string(b)
}
