package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"souk/internal/api"
)

// routes answers every URL of the product.
func (s *souk) routes() http.Handler {
	mux := http.NewServeMux()
	s.mount(mux.Handle)
	mux.Handle("/api/", api.Wrap(s.log, noSuchCall(mux)))
	return s.outer(mux)
}

// mount is every URL of the product, in one list.
func (s *souk) mount(handle func(pattern string, h http.Handler)) {
	call := func(pattern string, h api.Handler) { handle(pattern, api.Wrap(s.log, h)) }
	page := func(pattern string, h http.HandlerFunc) { handle(pattern, h) }

	// viewers, hosts, buyers
	page("GET /{$}", s.pages.Home)
	page("GET /live/{channel}", s.pages.Live)
	page("GET /studio", s.pages.Studio)
	page("GET /studio/shows/{show}", s.pages.Numbers)
	page("GET /dock/{channel}", s.pages.Dock)
	page("GET /merchant", s.pages.Merchant)
	page("GET /overlay/{channel}", s.pages.Overlay)
	page("GET /embed/{channel}", s.pages.Embed)
	page("GET /replay/{show}", s.pages.Replay)
	page("GET /orders/{order}", s.pages.Order)
	page("GET /wallet", s.pages.Wallet)
	page("GET /account", s.pages.Account)
	page("GET /enter", s.pages.Enter)
	page("/", s.pages.NotFound)
	handle("GET /_/", s.pages.Assets())
	handle("GET /favicon.svg", s.pages.Assets())
	handle("GET /embed.js", s.pages.Assets())
	call("GET /oembed", s.getOEmbed)
	call("GET /images/{name}", s.shop.Image)
	call("GET /qr/{name}", s.getQR)

	// media and rooms
	live, replay, still := s.media()
	page("GET /hls/replay/{show}/{file...}", replay)
	page("OPTIONS /hls/replay/{show}/{file...}", replay)
	page("/hls/{channel}/{file...}", live)
	page("GET /thumb/{file}", still)
	page("GET /ws/{channel}", s.hub.Serve)

	// who
	call("POST /api/v1/login", s.accounts.Login)
	call("POST /api/v1/logout", s.accounts.Logout)
	call("GET /api/v1/sign-in", s.getSignIn)
	call("POST /api/v1/sign-in/link", s.accounts.AskLink)
	call("POST /api/v1/sign-in/passkey/begin", s.accounts.BeginPasskeySignIn)
	call("POST /api/v1/sign-in/passkey", s.accounts.PasskeySignIn)
	call("POST /api/v1/links", s.accounts.LookAtLink)
	call("POST /api/v1/links/use", s.accounts.UseLink)
	call("POST /api/v1/setup", s.accounts.Claim)
	call("POST /api/v1/guests", s.accounts.Guest)
	call("GET /api/v1/me", s.getMe)
	call("PUT /api/v1/me", s.putMe)
	call("DELETE /api/v1/me", s.eraseMe)
	call("GET /api/v1/me/export", s.exportMe)
	call("PUT /api/v1/me/password", s.accounts.SetPassword)
	call("GET /api/v1/me/sessions", s.accounts.ListSessions)
	call("DELETE /api/v1/me/sessions", s.accounts.DropSessions)
	call("DELETE /api/v1/me/sessions/{id}", s.accounts.DropSession)
	call("GET /api/v1/me/passkeys", s.accounts.ListPasskeys)
	call("POST /api/v1/me/passkeys/begin", s.accounts.BeginPasskey)
	call("POST /api/v1/me/passkeys", s.accounts.AddPasskey)
	call("PATCH /api/v1/me/passkeys/{id}", s.accounts.RenamePasskey)
	call("DELETE /api/v1/me/passkeys/{id}", s.accounts.DropPasskey)
	call("GET /api/v1/me/orders", s.shop.MyOrders)
	call("GET /api/v1/me/payment-methods", s.shop.ListMethods)
	call("POST /api/v1/me/payment-methods", s.shop.AddMethod)
	call("POST /api/v1/me/payment-methods/sync", s.shop.SyncMethods)
	call("POST /api/v1/me/payment-methods/{id}/default", s.shop.ChooseMethod)
	call("DELETE /api/v1/me/payment-methods/{id}", s.shop.RemoveMethod)

	// who works on a channel
	call("GET /api/v1/channels/{channel}/people", s.accounts.ListPeople)
	call("POST /api/v1/channels/{channel}/people", s.accounts.Invite)
	call("DELETE /api/v1/channels/{channel}/people/{person}/{role}", s.accounts.TakeRole)
	call("DELETE /api/v1/channels/{channel}/invitations/{id}", s.accounts.DropInvitation)

	// channels and shows
	call("GET /api/v1/channels", s.listChannels)
	call("GET /api/v1/channels/{channel}", s.getChannel)
	call("GET /api/v1/channels/{channel}/ingest", s.atPublisher(s.getIngest))
	call("POST /api/v1/channels/{channel}/ingest/rotate", s.rotateKey)
	call("PUT /api/v1/channels/{channel}/ingest/policy", s.accounts.SetEncoderPolicy)
	page("POST /api/v3/GetClientConfiguration", s.ingest.ClientConfiguration) // OBS asks for its renditions here
	call("GET /api/v1/channels/{channel}/recording", s.atPublisher(s.getRecordingPolicy))
	call("PUT /api/v1/channels/{channel}/recording", s.putRecordingPolicy)
	call("GET /api/v1/channels/{channel}/shows", s.listShows)
	call("GET /api/v1/shows/{show}", s.getShow)
	call("GET /api/v1/shows/{show}/recording.mp4", s.atRecording(s.getRecording))
	call("GET /api/v1/shows/{show}/recording.zip", s.atRecording(s.getRecordingZip))
	call("DELETE /api/v1/shows/{show}/recording", s.atRecording(s.deleteRecording))
	call("GET /api/v1/shows/{show}/log", s.board.GetLog)
	call("GET /api/v1/shows/{show}/numbers", s.getNumbers)
	call("GET /api/v1/shows/{show}/numbers.csv", s.getNumbersCSV)
	call("POST /api/v1/channels/{channel}/seen", s.postSeen)
	call("GET /api/v1/shows/{show}/chat", s.getShowChat)
	call("GET /api/v1/channels/{channel}/chat-settings", s.getChatSettings)
	call("PUT /api/v1/channels/{channel}/chat-settings", s.putChatSettings)
	call("GET /api/v1/channels/{channel}/questions", s.getQuestions)
	call("GET /api/v1/channels/{channel}/audit", s.getAudit)
	call("GET /api/v1/channels/{channel}/held", s.getHeld)
	call("GET /api/v1/channels/{channel}/sanctions", s.getSanctions)

	// the shop
	call("GET /api/v1/config", s.getConfig)
	page("GET /api/v1/openapi.json", getDescription)
	call("GET /api/v1/channels/{channel}/products", s.shop.ListProducts)
	call("POST /api/v1/channels/{channel}/products", s.shop.AddProduct)
	call("POST /api/v1/channels/{channel}/products/import", s.shop.ImportProducts)
	call("GET /api/v1/channels/{channel}/products.csv", s.shop.ExportProducts)
	call("POST /api/v1/channels/{channel}/images", s.shop.AddImage)
	call("PATCH /api/v1/products/{id}", s.shop.EditProduct)
	call("DELETE /api/v1/products/{id}", s.shop.DropProduct)
	call("GET /api/v1/channels/{channel}/lineup", s.shop.GetLineup)
	call("PUT /api/v1/channels/{channel}/lineup", s.shop.SetLineup)
	call("PUT /api/v1/channels/{channel}/pin", s.shop.Pin)
	call("DELETE /api/v1/channels/{channel}/pin", s.shop.Unpin)
	call("GET /api/v1/channels/{channel}/region", s.shop.GetRegion)
	call("PUT /api/v1/channels/{channel}/region", s.shop.SetRegion)
	call("GET /api/v1/channels/{channel}/shipping", s.shop.GetShipping)
	call("PUT /api/v1/channels/{channel}/shipping", s.shop.SetShipping)
	call("GET /api/v1/channels/{channel}/tax", s.shop.GetTax)
	call("PUT /api/v1/channels/{channel}/tax", s.shop.SetTax)
	call("GET /api/v1/channels/{channel}/currencies", s.shop.GetCurrencies)
	call("PUT /api/v1/channels/{channel}/currencies", s.shop.SetCurrencies)
	call("GET /api/v1/channels/{channel}/fee", s.shop.GetFees)

	// who is about to buy, and who waits
	call("GET /api/v1/me/holds", s.shop.MyHolds)
	call("POST /api/v1/holds", s.shop.SetAside)
	call("POST /api/v1/holds/{id}/more", s.shop.MoreTime)
	call("DELETE /api/v1/holds/{id}", s.shop.DropHold)
	call("POST /api/v1/waitlist", s.shop.JoinLine)
	call("DELETE /api/v1/waitlist/{id}", s.shop.LeaveLine)
	call("GET /api/v1/channels/{channel}/waitlist", s.shop.ListLines)
	call("GET /api/v1/channels/{channel}/selling", s.shop.GetSelling)
	call("PUT /api/v1/channels/{channel}/selling", s.shop.SetSelling)

	// what a channel gives to some
	call("GET /api/v1/channels/{channel}/coupons", s.shop.ListCoupons)
	call("POST /api/v1/channels/{channel}/coupons", s.shop.AddCoupon)
	call("DELETE /api/v1/channels/{channel}/coupons/{id}", s.shop.DropCoupon)
	call("GET /api/v1/channels/{channel}/offers", s.shop.ListOffers)
	call("POST /api/v1/channels/{channel}/offers", s.shop.OfferTo)
	call("DELETE /api/v1/channels/{channel}/offers/{id}", s.shop.WithdrawOffer)
	call("GET /api/v1/channels/{channel}/ruling", s.shop.GetRuling)
	call("GET /api/v1/channels/{channel}/terms", s.shop.GetTerms)
	call("PUT /api/v1/channels/{channel}/terms", s.shop.SetTerms)

	// the till
	call("POST /api/v1/quotes", s.shop.PostQuote)
	call("POST /api/v1/orders", s.shop.PlaceOrder)
	call("GET /api/v1/orders/{id}", s.shop.GetOrder)
	call("POST /api/v1/orders/{id}/cancel", s.shop.CancelOrder)
	call("POST /api/v1/orders/{id}/refund", s.shop.RefundOrder)
	call("POST /api/v1/orders/{id}/ship", s.shop.ShipOrder)
	call("POST /api/v1/orders/{id}/checkpoints", s.shop.NoteCheckpoint)
	call("POST /api/v1/orders/{id}/return", s.shop.ReturnOrder)
	call("POST /api/v1/orders/{id}/withdrawals", s.shop.Withdraw)
	call("POST /api/v1/orders/{id}/withdrawals/{withdrawal}/confirm", s.shop.ConfirmWithdrawal)
	call("POST /api/v1/channels/{channel}/orders/ship", s.shop.ShipOrders)
	call("GET /api/v1/channels/{channel}/carriers", s.shop.ListCarriers)
	call("POST /api/v1/channels/{channel}/carriers", s.shop.AddCarrier)
	call("DELETE /api/v1/channels/{channel}/carriers/{id}", s.shop.DropCarrier)
	call("POST /hooks/carrier/{id}", s.shop.CarrierHook)
	call("GET /api/v1/channels/{channel}/orders", s.shop.ListOrders)
	call("GET /api/v1/channels/{channel}/orders.csv", s.shop.ExportOrders)
	call("GET /api/v1/channels/{channel}/endpoints", s.shop.ListEndpoints)
	call("POST /api/v1/channels/{channel}/endpoints", s.shop.AddEndpoint)
	call("PATCH /api/v1/channels/{channel}/endpoints/{id}", s.shop.EditEndpoint)
	call("DELETE /api/v1/channels/{channel}/endpoints/{id}", s.shop.DropEndpoint)
	call("GET /api/v1/channels/{channel}/endpoints/{id}/deliveries", s.shop.ListDeliveries)
	call("POST /api/v1/channels/{channel}/endpoints/{id}/deliveries/{delivery}/replay", s.shop.Replay)
	call("GET /pay/return", s.shop.Back)
	call("POST /hooks/stripe", s.shop.Hook)
	if s.mailbox != nil && s.cfg.PublicURL == "" {
		call("GET /sandbox/mail", s.mailbox.Page)
		call("GET /sandbox/mail/{name}", s.mailbox.Message)
		call("GET /sandbox/mail/{name}/show", s.mailbox.Show)
		call("GET /sandbox/mail/{name}/body", s.mailbox.Body)
	}
	if s.sandbox != nil {
		call("GET /api/v1/sandbox/methods", s.sandbox.Methods)
		call("POST /api/v1/sandbox/orders/{id}/dispute", s.shop.TryDispute)
		call("GET /sandbox/challenge/{intent}", s.sandbox.Challenge)
		call("POST /sandbox/challenge/{intent}", s.sandbox.AnswerChallenge)
	}

	page("GET /healthz", healthz)
}

// noSuchCall answers what no pattern of mux takes: 405 with the methods that
// the path has, 404 where it has none.
func noSuchCall(mux *http.ServeMux) api.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var has []string
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/api/" {
				has = append(has, method)
			}
		}
		if has == nil {
			return api.Fail(http.StatusNotFound, "no_such_call", "There is no such call.")
		}
		w.Header().Set("Allow", strings.Join(has, ", "))
		return api.Fail(http.StatusMethodNotAllowed, "bad_method", "This call does not take "+r.Method+", but "+strings.Join(has, ", ")+".")
	}
}

// outer is what every request passes: an id, a second opinion on its origin,
// and a line in the debug log without its query, which may hold a token.
func (s *souk) outer(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	// Notifications of providers and carriers come from elsewhere and carry a signature.
	crossOrigin.AddInsecureBypassPattern("POST /hooks/stripe")
	crossOrigin.AddInsecureBypassPattern("POST /hooks/carrier/{id}")
	if at := s.cfg.public(); at != nil { // behind a proxy that calls us by another name
		_ = crossOrigin.AddTrustedOrigin(at.Scheme + "://" + at.Host) // checked at start
	}
	crossOrigin.SetDenyHandler(api.Handler(func(http.ResponseWriter, *http.Request) error {
		return api.Fail(http.StatusForbidden, "cross_origin", "This request comes from another site.")
	}))
	trusted, _ := parseProxies(s.cfg.Proxies) // checked at start
	inner, media := s.places.onlyFrom(trusted, behindProxies(trusted, crossOrigin.Handler(next))), behindProxies(trusted, next)
	https, debug := s.cfg.https(), s.log.Enabled(context.Background(), slog.LevelDebug)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, h := time.Now(), w.Header()
		h["X-Content-Type-Options"] = nosniff
		if https {
			h["Strict-Transport-Security"] = httpsOnly
		}
		// Media change nothing and are for everybody; ten of them a second and viewer pay for nothing that they do not need.
		if strings.HasPrefix(r.URL.Path, "/hls/") {
			media.ServeHTTP(w, r)
		} else {
			h.Set(api.RequestID, requestID())
			h.Set("Referrer-Policy", "same-origin")
			inner.ServeHTTP(w, r)
		}
		if debug {
			s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "took", time.Since(start))
		}
	})
}

// Header values that answers share.
var (
	nosniff   = []string{"nosniff"}
	httpsOnly = []string{"max-age=31536000"}
)

func requestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, since Go 1.24)
	return hex.EncodeToString(b[:])
}

func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}
