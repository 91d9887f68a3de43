package shop

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"strings"

	"souk/internal/db"
)

const maxHook = 1 << 20 // bytes of one notification

// Hook handles POST /hooks/stripe. A notification is kept once and then worked
// off: what it is about is looked up, what it says is not believed. Once it is
// kept the answer is 200, whatever comes of it; the sweeper tries again.
func (s *Shop) Hook(w http.ResponseWriter, r *http.Request) error {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		return ErrBadHook.Because(err)
	}
	h, err := s.Gateway.ReadHook(payload, r.Header.Get("Stripe-Signature"))
	if err != nil {
		return ErrBadHook.Because(err)
	}
	fresh := false
	err = s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, `INSERT INTO shop_hook (id, type, intent, customer, dispute, warning, received)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`, h.ID, h.Type, h.Intent, h.Customer, h.Dispute, h.Warning, tx.Millis())
		fresh = n == 1
		return err
	})
	if err != nil {
		return err
	}
	if fresh {
		if err := s.work(context.WithoutCancel(r.Context()), h); err != nil {
			s.Log.Warn("hook put off", "hook", h.ID, "type", h.Type, "err", err)
		}
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// work does what a notification asks for and ticks it off.
func (s *Shop) work(ctx context.Context, h Hook) error {
	var err error
	switch {
	case h.Dispute != "":
		err = s.lookAtDispute(ctx, h.Dispute)
	case h.Warning != "":
		err = s.lookAtWarning(ctx, h.Warning)
	case h.Intent != "":
		_, err = s.consult(ctx, h.Intent, "hook")
		if errors.Is(err, ErrNoOrder) || errors.Is(err, errContradiction) {
			err = nil // not of ours, or logged already; asking again changes nothing
		}
	case h.Customer != "" && (strings.HasPrefix(h.Type, "payment_method.") || strings.HasPrefix(h.Type, "setup_intent.")):
		err = s.syncMethods(ctx, h.Customer)
	}
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE shop_hook SET done = $2 WHERE id = $1", h.ID, tx.Millis())
		return err
	})
}

// sweepHooks works off what was kept but not finished.
func (s *Shop) sweepHooks(ctx context.Context, before int64) error {
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT id, type, intent, customer, dispute, warning FROM shop_hook WHERE done IS NULL AND received < $1 ORDER BY received LIMIT $2", before, sweepBatch)
	all, err := db.Collect(rows, err, func(rows *sql.Rows) (h Hook, err error) {
		return h, rows.Scan(&h.ID, &h.Type, &h.Intent, &h.Customer, &h.Dispute, &h.Warning)
	})
	if err != nil {
		return err
	}
	for _, h := range all {
		if err := s.work(ctx, h); err != nil {
			s.Log.Warn("hook put off", "hook", h.ID, "type", h.Type, "err", err)
		}
	}
	return nil
}
