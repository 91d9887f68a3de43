package shop

import (
	"context"
	"errors"
	"html/template"
	"net/http"
)

// backPage closes the bank's frame or window. The page that opened it learns
// the result from its room; this one needs no script.
var backPage = template.Must(template.New("back").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Back from the bank</title>
<p>Thank you. Your order is up to date.</p>
<p><a href="/orders/{{.}}" target="_top">See the order</a></p>
</html>
`))

// Back handles GET /pay/return, where a bank's page sends the buyer. Nothing in
// the address is believed: the order it names is looked up at the provider, as
// a notification would have it. Anybody may call it; it tells nothing.
func (s *Shop) Back(w http.ResponseWriter, r *http.Request) error {
	id := r.URL.Query().Get("order")
	o, err := orderByID(r.Context(), s.DB.Read(), id)
	if err != nil {
		return err
	}
	if o.State.open() && o.State != Charging {
		a, err := attemptOf(r.Context(), s.DB.Read(), o)
		if err != nil {
			return err
		}
		if _, err := s.consult(context.WithoutCancel(r.Context()), a.Intent, "return"); err != nil && !errors.Is(err, errContradiction) {
			s.Log.Warn("return without an answer", "order", o.ID, "err", err) // the hook and the sweeper will know
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.Header.Get("Sec-Fetch-Dest") == "document" {
		http.Redirect(w, r, "/orders/"+o.ID, http.StatusSeeOther)
		return nil
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'; base-uri 'none'")
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	return backPage.Execute(w, o.ID)
}
