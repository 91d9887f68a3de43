package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	rushSpan  = 2 * time.Second // within which all buyers tap
	tapTries  = 5               // of one finger, while the server says too_fast
	settleFor = 30 * time.Second
	testCard  = "pm_card_visa" // of Stripe's test methods: no rehearsal charges a real one
)

// queue is everybody who wants to buy.
type queue struct {
	*rehearsal
	card func() *foundPin // on air at the first tap

	// state
	ready    atomic.Int64 // buyers with address and method
	unready  counts
	taps     atomic.Int64
	paid     atomic.Int64
	refused  counts
	confirm  spread // from the tap to the answer
	doubled  atomic.Int64
	lost     atomic.Int64
	unproven atomic.Int64 // orders whose end was not seen
}

func newQueue(ctx context.Context, r *rehearsal) *queue {
	q := &queue{rehearsal: r}
	q.card = sync.OnceValue(func() *foundPin {
		var now found
		if err := r.door.get(ctx, "/api/v1/channels/"+url.PathEscape(r.channel), "", &now); err != nil {
			q.refused.add(err)
		}
		return now.Pin
	})
	return q
}

// buyer sets up once, then taps with a nervous finger: twice, under one key.
func (q *queue) buyer(ctx context.Context, from time.Time) {
	if q.product == "" || sleepUntil(ctx, from) != nil {
		return
	}
	token, err := q.setUp(ctx)
	if err != nil {
		if ctx.Err() == nil {
			q.unready.add(err)
		}
		return
	}
	q.ready.Add(1)
	if sleepUntil(ctx, q.started.Add(q.span/2).Add(rand.N(rushSpan))) != nil {
		return
	}
	key := uuid.Must(uuid.NewV7()).String()
	second := make(chan outcome, 1)
	go func() { second <- q.tap(ctx, token, key) }()
	first := q.tap(ctx, token, key)
	q.settle(ctx, token, first, <-second)
}

func (q *queue) setUp(ctx context.Context) (token string, err error) {
	if token, err = q.door.guest(ctx); err != nil {
		return "", err
	}
	err = q.door.call(ctx, http.MethodPut, "/api/v1/me", token, nil, map[string]any{
		"email": "rehearsal@buyer.example",
		"address": map[string]string{"name": "Rehearsal Buyer", "line1": "1 Stage Door", "city": "Springfield",
			"postal_code": "12345", "country": "US"},
	}, nil)
	if err != nil {
		return "", err
	}
	return token, q.door.post(ctx, "/api/v1/me/payment-methods", token, map[string]string{"test": testCard}, nil)
}

// outcome is what one tap came to.
type outcome struct {
	order string
	state string
	err   error
}

// order is what a rehearsal reads of one.
type rehearsalOrder struct {
	Order struct{ ID, State string }
}

func (q *queue) tap(ctx context.Context, token, key string) outcome {
	body := map[string]any{"channel": q.channel, "product": q.product, "quantity": 1}
	if p := q.card(); p != nil && p.Product.ID == q.product {
		body = map[string]any{"channel": q.channel, "pin": p.Pin, "quantity": 1}
	}
	var o outcome
	for range tapTries {
		var answer rehearsalOrder
		at := time.Now()
		q.taps.Add(1)
		o.err = q.door.call(ctx, http.MethodPost, "/api/v1/orders", token, http.Header{"Idempotency-Key": {key}}, body, &answer)
		q.confirm.add(time.Since(at))
		o.order, o.state = answer.Order.ID, answer.Order.State
		var no *refusal
		if !errors.As(o.err, &no) || no.Code != "too_fast" {
			break
		}
		_ = sleepUntil(ctx, time.Now().Add(rand.N(time.Second)))
	}
	return o
}

// settle compares the two answers, and the order itself with both.
func (q *queue) settle(ctx context.Context, token string, taps ...outcome) {
	var bought outcome
	for _, o := range taps {
		switch {
		case o.order == "":
		case bought.order != "" && bought.order != o.order:
			q.doubled.Add(1)
		case bought.state != "paid":
			bought = o
		}
	}
	if bought.order == "" {
		if ctx.Err() == nil {
			q.refused.add(taps[0].err)
		}
		return
	}
	deadline := time.Now().Add(settleFor)
	for ctx.Err() == nil {
		var now rehearsalOrder
		err := q.door.get(ctx, "/api/v1/orders/"+url.PathEscape(bought.order), token, &now)
		var no *refusal
		switch {
		case errors.As(err, &no) && no.Status == http.StatusNotFound, err == nil && bought.state == "paid" && now.Order.State != "paid":
			q.lost.Add(1)
			return
		case err == nil && now.Order.State == "paid":
			q.paid.Add(1)
			return
		case err == nil && !open(now.Order.State):
			q.refused.count(now.Order.State)
			return
		}
		if time.Now().After(deadline) {
			q.unproven.Add(1)
			return
		}
		_ = sleepUntil(ctx, time.Now().Add(time.Second))
	}
}

// open reports whether an order may still be paid.
func open(state string) bool {
	return state == "charging" || state == "action_required" || state == "processing"
}

// shelf is a product's stock.
type shelf struct {
	ID    string
	Title string
	Stock shelfStock
}

type shelfStock struct {
	Available int64 `json:"available"`
	Held      int64 `json:"held"`
	Sold      int64 `json:"sold"`
}

func (s shelfStock) total() int64 { return s.Available + s.Held + s.Sold }

func (r *rehearsal) stock(ctx context.Context) ([]shelf, error) {
	var list struct{ Products []shelf }
	err := r.door.get(ctx, "/api/v1/channels/"+url.PathEscape(r.channel)+"/products", "", &list)
	return list.Products, err
}

// forSale is what the rehearsal buys: what is pinned, or else the first product
// on the shelf that is there.
func (r *rehearsal) forSale(stock []shelf) string {
	if r.found.Pin != nil {
		return r.found.Pin.Product.ID
	}
	for _, s := range stock {
		if s.Stock.Available > 0 {
			return s.ID
		}
	}
	return ""
}
