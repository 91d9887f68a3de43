package account

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits of passkeys.
const (
	maxPasskeys  = 20 // of one account
	challengeTTL = 5 * time.Minute
)

var (
	errNoPasskeys  = api.Fail(http.StatusConflict, "no_passkeys_here", "Browsers make passkeys only for https addresses and for localhost. Open this server by one of those.")
	errPasskey     = api.Fail(http.StatusUnauthorized, "bad_passkey", "This passkey does not open an account here.")
	errNewPasskey  = api.Fail(http.StatusUnprocessableEntity, "bad_passkey", "The passkey could not be made. Try again.")
	errManyKeys    = api.Fail(http.StatusConflict, "limit_reached", "An account has at most 20 passkeys. Remove one first.")
	errNoPasskey   = api.Fail(http.StatusNotFound, "no_such_passkey", "You have no such passkey.")
	errPasskeyName = api.Fail(http.StatusUnprocessableEntity, "bad_name", "A passkey needs a name of at most 32 characters.")
)

// Passkey is a passkey as its owner sees it.
type Passkey struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Created api.Time `json:"created_at"`
	Used    api.Time `json:"used_at,omitzero"`
	Synced  bool     `json:"synced"` // its maker keeps a copy, for other devices (WebAuthn 3, section 6.1.3: backup state)
}

// PasskeysAt tells whether browsers make and use passkeys for the address that r
// came by. A relying party is a domain: an address in digits is none (WebAuthn 3,
// section 5.1.2), and without https only localhost is trusted.
func (a *Accounts) PasskeysAt(r *http.Request) bool {
	_, err := a.relyingParty(r)
	return err == nil
}

// relyingParty is this server as passkeys know it: the public address, or
// without one the localhost that the request came by.
func (a *Accounts) relyingParty(r *http.Request) (*webauthn.WebAuthn, error) {
	at := &url.URL{Scheme: "http", Host: r.Host}
	if a.PublicURL != "" {
		var err error
		if at, err = url.Parse(a.PublicURL); err != nil {
			return nil, err
		}
	}
	host := strings.ToLower(at.Hostname())
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if _, err := netip.ParseAddr(host); err == nil || host == "" || at.Scheme != "https" && !local {
		return nil, errNoPasskeys
	}
	origin := at.Scheme + "://" + strings.ToLower(at.Host)
	if h, port, err := net.SplitHostPort(at.Host); err == nil && (at.Scheme == "https" && port == "443" || at.Scheme == "http" && port == "80") {
		origin = at.Scheme + "://" + strings.ToLower(h)
	}
	return webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: "souk", RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation, // which device it is tells nothing that anybody here would act on
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
	})
}

// holder is an account as the library sees it.
type holder struct {
	id, name string
	keys     []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.id) }
func (h holder) WebAuthnName() string                       { return h.name }
func (h holder) WebAuthnDisplayName() string                { return h.name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// holder reads the account that passkeys belong to; name is what a list of
// passkeys shows: the e-mail it signs in with.
func (a *Accounts) holder(ctx context.Context, on db.Reader, person string) (h holder, err error) {
	h.id = person
	if err := on.QueryRowContext(ctx, "SELECT email FROM account_person WHERE id = $1 AND email IS NOT NULL", person).Scan(&h.name); err != nil {
		return h, err
	}
	rows, err := on.QueryContext(ctx, "SELECT credential FROM account_passkey WHERE person = $1", person)
	h.keys, err = db.Collect(rows, err, func(rows *sql.Rows) (c webauthn.Credential, err error) {
		var text string
		if err := rows.Scan(&text); err != nil {
			return c, err
		}
		return c, json.Unmarshal([]byte(text), &c)
	})
	return h, err
}

// challenge keeps what the end of a ceremony is held against, and returns the
// word by which the browser brings it back. It is good once.
func (a *Accounts) challenge(ctx context.Context, person string, data *webauthn.SessionData) (string, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return "", err
	}
	id := secret(tokenBytes)
	return id, a.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO account_challenge (id, person, data, expires) VALUES ($1, $2, $3, $4)",
			digest(id), person, string(text), tx.Now.Add(challengeTTL).UnixMilli())
		return err
	})
}

// takeChallenge uses one up; refused is the error for one that is not there.
func takeChallenge(ctx context.Context, tx *db.Tx, id, person string, refused error) (data webauthn.SessionData, err error) {
	var text string
	err = tx.QueryRow(ctx, "DELETE FROM account_challenge WHERE id = $1 AND person = $2 AND expires > $3 RETURNING data", digest(id), person, tx.Millis()).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return data, refused
	}
	if err != nil {
		return data, err
	}
	return data, json.Unmarshal([]byte(text), &data)
}

// answer is what a browser sends at the end of a ceremony.
type passkeyAnswer struct {
	Challenge  string          `json:"challenge"`
	Name       string          `json:"name"`
	Credential json.RawMessage `json:"credential"`
}

// BeginPasskey handles POST /api/v1/me/passkeys/begin: what the browser needs to
// make a passkey. It must be soon after a sign-in.
func (a *Accounts) BeginPasskey(w http.ResponseWriter, r *http.Request) error {
	p, err := a.account(r)
	if err != nil {
		return err
	}
	party, err := a.relyingParty(r)
	if err != nil {
		return err
	}
	if err := p.fresh(); err != nil {
		return err
	}
	h, err := a.holder(r.Context(), a.DB.Read(), p.ID)
	if err != nil {
		return err
	}
	if len(h.keys) >= maxPasskeys {
		return errManyKeys
	}
	var known []protocol.CredentialDescriptor
	for _, k := range h.keys {
		known = append(known, k.Descriptor())
	}
	options, data, err := party.BeginRegistration(h, webauthn.WithExclusions(known))
	if err != nil {
		return err
	}
	id, err := a.challenge(r.Context(), p.ID, data)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"challenge": id, "options": options})
}

// AddPasskey handles POST /api/v1/me/passkeys.
func (a *Accounts) AddPasskey(w http.ResponseWriter, r *http.Request) error {
	p, err := a.account(r)
	if err != nil {
		return err
	}
	var body passkeyAnswer
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	name, err := cleanName(body.Name)
	if err != nil || name == "" {
		return errPasskeyName
	}
	party, err := a.relyingParty(r)
	if err != nil {
		return err
	}
	if err := p.fresh(); err != nil {
		return err
	}
	var made Passkey
	err = a.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		data, err := takeChallenge(ctx, tx, body.Challenge, p.ID, errNewPasskey)
		if err != nil {
			return err
		}
		h, err := a.holder(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if len(h.keys) >= maxPasskeys {
			return errManyKeys
		}
		parsed, err := protocol.ParseCredentialCreationResponseBytes(body.Credential)
		if err != nil {
			return errNewPasskey.Because(err)
		}
		key, err := party.CreateCredential(h, data, parsed)
		if err != nil {
			return errNewPasskey.Because(err)
		}
		text, err := json.Marshal(key)
		if err != nil {
			return err
		}
		made = Passkey{ID: passkeyID(key), Name: name, Created: api.At(tx.Now), Synced: key.Flags.BackupState}
		n, err := tx.Changed(ctx, "INSERT INTO account_passkey (id, person, name, credential, created) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
			made.ID, p.ID, name, string(text), tx.Millis())
		if err == nil && n == 0 {
			return errNewPasskey
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, deed{Actor: p.ID, Person: p.ID, Kind: "passkey_added", Detail: name})
	})
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusCreated, made)
}

func passkeyID(c *webauthn.Credential) string { return base64.RawURLEncoding.EncodeToString(c.ID) }

// BeginPasskeySignIn handles POST /api/v1/sign-in/passkey/begin: whose passkey
// it will be, the browser's owner chooses.
func (a *Accounts) BeginPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	party, err := a.relyingParty(r)
	if err != nil {
		return err
	}
	if wait, ok := a.opens.Take(api.Client(r), ""); !ok {
		return api.TooFast(wait)
	}
	options, data, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return err
	}
	id, err := a.challenge(r.Context(), "", data)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"challenge": id, "options": options})
}

// PasskeySignIn handles POST /api/v1/sign-in/passkey.
func (a *Accounts) PasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	var body passkeyAnswer
	if err := api.Read(w, r, &body); err != nil {
		return err
	}
	party, err := a.relyingParty(r)
	if err != nil {
		return err
	}
	if wait, ok := a.opens.Take(api.Client(r), body.Challenge); !ok {
		return api.TooFast(wait)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(body.Credential)
	if err != nil {
		return errPasskey.Because(err)
	}
	return a.enter(w, r, byPasskey, func(ctx context.Context, tx *db.Tx) (me who, err error) {
		data, err := takeChallenge(ctx, tx, body.Challenge, "", errPasskey)
		if err != nil {
			return me, err
		}
		find := func(_, handle []byte) (webauthn.User, error) { return a.holder(ctx, tx, string(handle)) }
		user, key, err := party.ValidatePasskeyLogin(find, data, parsed)
		if err != nil {
			return me, errPasskey.Because(err)
		}
		// A counter that goes back is two devices with one key (WebAuthn 3, section
		// 6.1.1): neither gets in by it.
		if key.Authenticator.CloneWarning {
			return me, errPasskey.Because(errors.New("the counter of a passkey went back"))
		}
		text, err := json.Marshal(key)
		if err != nil {
			return me, err
		}
		me.ID = string(user.WebAuthnID())
		n, err := tx.Changed(ctx, "UPDATE account_passkey SET credential = $1, used = $2 WHERE id = $3 AND person = $4", string(text), tx.Millis(), passkeyID(key), me.ID)
		if err == nil && n == 0 {
			return me, errPasskey
		}
		if err != nil {
			return me, err
		}
		return me, tx.QueryRow(ctx, "SELECT name FROM account_person WHERE id = $1", me.ID).Scan(&me.Name)
	})
}
