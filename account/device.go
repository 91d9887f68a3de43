package account

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"souk/internal/api"
	"souk/internal/db"
)

// DeviceCookie is the name of the cookie by which a browser is recognised when
// its guest throws the session away. Its value is random and signed: one cannot
// be made up, and none says anything about its owner.
const DeviceCookie = "souk_device"

const (
	deviceBytes = 12
	deviceTTL   = 400 * 24 * time.Hour // what browsers keep a cookie for at most
	traceSize   = 16                   // hex digits of a network's hash and of a signature
)

// Networks of which a ban may hold new guests: what one household, office or
// carrier address block shares.
const (
	network4 = 24
	network6 = 64
)

// device returns the browser that r comes from, and makes it one that can be
// recognised if it is not yet.
func (a *Accounts) device(w http.ResponseWriter, r *http.Request) (string, error) {
	if id, err := a.knownDevice(r); err != nil || id != "" {
		return id, err
	}
	key, err := a.secret(r.Context())
	if err != nil {
		return "", err
	}
	id := secret(deviceBytes)
	http.SetCookie(w, &http.Cookie{
		Name: DeviceCookie, Value: id + "." + sign(key, "device", id), Path: "/", MaxAge: int(deviceTTL.Seconds()),
		HttpOnly: true, Secure: a.Secure, SameSite: http.SameSiteLaxMode,
	})
	return id, nil
}

// knownDevice returns the browser that r comes from, "" for one that cannot be
// recognised.
func (a *Accounts) knownDevice(r *http.Request) (string, error) {
	c, err := r.Cookie(DeviceCookie)
	if err != nil {
		return "", nil
	}
	key, err := a.secret(r.Context())
	if err != nil {
		return "", err
	}
	id, signature, _ := strings.Cut(c.Value, ".")
	if !hmac.Equal([]byte(signature), []byte(sign(key, "device", id))) {
		return "", nil
	}
	return id, nil
}

// Network returns what stands for the network that r comes from: a keyed hash,
// from which the address cannot be told. own is true for the server's own
// machine.
func (a *Accounts) Network(r *http.Request) (hash string, own bool, err error) {
	at := api.Client(r)
	if !at.IsValid() {
		return "", false, nil
	}
	key, err := a.secret(r.Context())
	if err != nil {
		return "", false, err
	}
	return sign(key, "network", wide(at.Addr()).String()), api.Own(at), nil
}

func wide(ip netip.Addr) netip.Prefix {
	bits := network4
	if ip.Is6() {
		bits = network6
	}
	p, _ := ip.Prefix(bits) // bits fit the address family
	return p
}

func sign(key []byte, what, value string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(what + "\x00" + value))
	return hex.EncodeToString(mac.Sum(nil))[:traceSize]
}

// secret returns the key for signatures. It is made once for all nodes of one
// database.
func (a *Accounts) secret(ctx context.Context) ([]byte, error) {
	a.keyTurn.Lock()
	defer a.keyTurn.Unlock()
	if a.key != nil {
		return a.key, nil
	}
	find := func(from db.Reader) (value string, err error) {
		err = from.QueryRowContext(ctx, "SELECT value FROM account_secret WHERE name = 'traces'").Scan(&value)
		return value, err
	}
	value, err := find(a.DB.Read())
	if errors.Is(err, sql.ErrNoRows) {
		err = a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO account_secret (name, value) VALUES ('traces', $1) ON CONFLICT DO NOTHING", secret(tokenBytes))
			if err == nil {
				value, err = find(tx)
			}
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	a.key = []byte(value)
	return a.key, nil
}
