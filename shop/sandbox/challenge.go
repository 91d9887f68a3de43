package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/bojanz/currency"

	"souk/internal/api"
	"souk/internal/db"
)

const challengeStyle = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:24rem;margin:1rem auto;padding:0 1rem;text-align:center}
button{font:inherit;font-weight:600;min-height:48px;padding:0 1.4rem;margin:.3rem;border-radius:.8rem;border:1px solid}button[value=approve]{background:#1f7a4d;border-color:#1f7a4d;color:#fff}`

// challengePage plays the bank. It needs no script, and only its one style.
var challengePage = template.Must(template.New("challenge").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your bank asks (sandbox)</title>
<style>` + challengeStyle + `</style>
<h1>Sandbox bank</h1>
{{if .Open}}<p>Is this you, {{if .Price}}paying <strong>{{.Price}}</strong>{{else}}saving this card{{end}}? No money moves.</p>
<form method="post">
<button name="answer" value="approve">Approve</button>
<button name="answer" value="refuse">Refuse</button>
</form>{{else}}<p>There is nothing to answer any more.</p>
{{if .Back}}<p><a href="{{.Back}}">Back to the shop</a></p>{{end}}{{end}}
</html>
`))

var challengePolicy = func() string {
	sum := sha256.Sum256([]byte(challengeStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
}()

var errNoChallenge = api.Fail(http.StatusNotFound, "no_such_challenge", "There is no such challenge.")

// Challenge handles GET /sandbox/challenge/{intent}: the page of a bank that
// wants to see the buyer. The key in the address is what the intent's owner has.
func (s *Sandbox) Challenge(w http.ResponseWriter, r *http.Request) error {
	open, asked, back := false, "", ""
	err := s.challenged(r, func(c *call, to string) error {
		back = to
		if isSetup(c.id) {
			o, _, err := load[setupIntent](c, "setup_intent", c.id)
			open = o.Status == needsAction
			return err
		}
		p, _, err := load[paymentIntent](c, "payment_intent", c.id)
		open, asked = p.Status == needsAction, price(p.Amount, p.Currency)
		return err
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Content-Security-Policy", challengePolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	return challengePage.Execute(w, map[string]any{"Open": open, "Price": asked, "Back": back})
}

// price writes an amount for people: "$22.00".
func price(amount int64, code string) string {
	code = strings.ToUpper(code)
	a, err := currency.NewAmountFromInt64(amount, code)
	if err != nil {
		return fmt.Sprintf("%d %s", amount, code)
	}
	return currency.NewFormatter(currency.NewLocale("en")).Format(a)
}

// AnswerChallenge handles POST /sandbox/challenge/{intent}, a form with
// answer=approve or answer=refuse, and sends the buyer back to the shop.
func (s *Sandbox) AnswerChallenge(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	answer := r.PostFormValue("answer")
	if answer != "approve" && answer != "refuse" {
		return api.Fail(http.StatusUnprocessableEntity, "bad_answer", "The answer is approve or refuse.")
	}
	back, result := "", "failed"
	err := s.challenged(r, func(c *call, to string) (err error) {
		back = to
		if isSetup(c.id) {
			result, err = c.answerSetup(answer == "approve")
		} else {
			result, err = c.answerIntent(answer == "approve")
		}
		var no *failure
		if errors.As(err, &no) && no.kept {
			return nil // written down; there is no request that it answers
		}
		return err
	})
	if err != nil {
		return err
	}
	s.nudge()
	u, err := url.Parse(back)
	if err != nil || back == "" {
		return errNoChallenge
	}
	q := u.Query()
	name := "payment_intent"
	if isSetup(r.PathValue("intent")) {
		name = "setup_intent"
	}
	q.Set(name, r.PathValue("intent"))
	q.Set("redirect_status", result)
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
	return nil
}

func isSetup(id string) bool { return strings.HasPrefix(id, "seti_") }

// answerIntent is the bank's verdict about a payment, and how it went.
func (c *call) answerIntent(yes bool) (result string, err error) {
	p, _, err := load[paymentIntent](c, "payment_intent", c.id)
	if err != nil {
		return "", err
	}
	if p.Status != needsAction {
		return settled(p.Status), nil
	}
	m, note, err := load[paymentMethod](c, "payment_method", text(p.PaymentMethod))
	if err != nil {
		return "", err
	}
	if !yes {
		return "failed", c.decline(p, m, &failure{Type: invalid, Code: "payment_intent_authentication_failure",
			Message: "The provided PaymentMethod has failed authentication. You can provide another way to pay."})
	}
	b, _ := behaviourOf(note)
	_, err = c.succeed(p, m, b)
	return succeeded, err
}

// answerSetup is the same about a method that is to be saved.
func (c *call) answerSetup(yes bool) (result string, err error) {
	o, _, err := load[setupIntent](c, "setup_intent", c.id)
	if err != nil {
		return "", err
	}
	if o.Status != needsAction {
		return settled(o.Status), nil
	}
	if !yes {
		return "failed", c.declineSetup(o, &failure{Type: invalid, Code: "setup_intent_authentication_failure",
			Message: "The latest attempt to set up the payment method has failed because authentication failed."})
	}
	m, note, err := load[paymentMethod](c, "payment_method", text(o.PaymentMethod))
	if err != nil {
		return "", err
	}
	_, err = c.saved(o, m, note)
	return succeeded, err
}

func settled(status string) string {
	if status == succeeded {
		return succeeded
	}
	return "failed"
}

// challenged runs f for the intent of the address, with the address to go back
// to, in one transaction.
func (s *Sandbox) challenged(r *http.Request, f func(c *call, back string) error) error {
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		c := &call{Context: ctx, tx: tx, id: r.PathValue("intent"), params: url.Values{}}
		kind := "payment_intent"
		if isSetup(c.id) {
			kind = "setup_intent"
		}
		_, note, err := load[struct{}](c, kind, c.id)
		if err != nil {
			return err
		}
		key, back, asked := strings.Cut(note, " ")
		if !asked || !equal(key, r.URL.Query().Get("key")) {
			return errNoChallenge
		}
		return f(c, back)
	})
	var no *failure
	if errors.As(err, &no) {
		return errNoChallenge
	}
	return err
}
