package show

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"souk/internal/api"
	"souk/internal/db"
)

// Limits.
const (
	maxEntry = 64 << 10 // bytes of one entry's data; a card with a description of every length fits
	maxPage  = 1000     // entries in one answer
)

// Entry is one line of a show's log. Entries are only ever added; each carries
// a hash over itself and the hash before it, so that a log that was changed
// afterwards no longer adds up.
type Entry struct {
	Seq     int64    `json:"seq"`
	At      api.Time `json:"at"`
	MediaAt api.Time `json:"media_at,omitzero"` // the moment in the picture, where there is one
	Kind    string   `json:"type"`
	Data    any      `json:"data"`
	Hash    string   `json:"hash"`
}

// Append adds an entry to the log of a show. Seq, At and Hash are set here.
func (b *Board) Append(ctx context.Context, show string, e Entry) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error { return add(ctx, tx, show, e) })
}

// AppendOnce adds an entry unless the show has one under this name already.
func (b *Board) AppendOnce(ctx context.Context, show, name string, e Entry) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Changed(ctx, "INSERT INTO show_once (show, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", show, name)
		if err != nil || n == 0 {
			return err
		}
		return add(ctx, tx, show, e)
	})
}

// add appends within a transaction. The update of the head comes first: on
// PostgreSQL it holds the row, so that two nodes cannot take one number.
func add(ctx context.Context, tx *db.Tx, show string, e Entry) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return err
	}
	if len(data) > maxEntry {
		return fmt.Errorf("log entry %q of %d bytes is too large", e.Kind, len(data))
	}
	var prev string
	err = tx.QueryRow(ctx, "UPDATE show_show SET log_seq = log_seq + 1 WHERE id = $1 RETURNING log_seq, log_hash", show).Scan(&e.Seq, &prev)
	if err != nil {
		return fmt.Errorf("log of show %s: %w", show, err)
	}
	e.At = api.At(tx.Now)
	e.Hash = chain(prev, e, data)
	_, err = tx.Exec(ctx, "INSERT INTO show_log (show, seq, at, media_at, kind, data, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		show, e.Seq, tx.Millis(), millis(e.MediaAt), e.Kind, string(data), e.Hash)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE show_show SET log_hash = $1 WHERE id = $2", e.Hash, show)
	return err
}

// chain is SHA-256 over the previous hash and the entry, one field a line.
func chain(prev string, e Entry, data []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%s\n%s\n%s\n%s\n", prev, e.Seq, e.At, mediaText(e.MediaAt), e.Kind, data)
	return hex.EncodeToString(h.Sum(nil))
}

func mediaText(t api.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.String()
}

// Entries returns at most maxPage entries after seq, oldest first.
func (b *Board) Entries(ctx context.Context, show string, after int64) ([]Entry, error) {
	rows, err := b.DB.Read().QueryContext(ctx,
		"SELECT seq, at, media_at, kind, data, hash FROM show_log WHERE show = $1 AND seq > $2 ORDER BY seq LIMIT $3", show, after, maxPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []Entry{}
	for rows.Next() {
		var e Entry
		var at, media int64
		var data string
		if err := rows.Scan(&e.Seq, &at, &media, &e.Kind, &data, &e.Hash); err != nil {
			return nil, err
		}
		e.At, e.Data = api.Millis(at), json.RawMessage(data)
		if media != 0 {
			e.MediaAt = api.Millis(media)
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// Verify recomputes the chain of a show's log and returns the first sequence
// number that does not add up, or 0.
func (b *Board) Verify(ctx context.Context, show string) (bad int64, err error) {
	prev, seq := "", int64(0)
	for {
		page, err := b.Entries(ctx, show, seq)
		if err != nil || len(page) == 0 {
			return 0, err
		}
		for _, e := range page {
			seq++
			if e.Seq != seq || e.Hash != chain(prev, e, e.Data.(json.RawMessage)) {
				return seq, nil
			}
			prev = e.Hash
		}
	}
}

// GetLog handles GET /api/v1/shows/{show}/log?after=SEQ.
func (b *Board) GetLog(w http.ResponseWriter, r *http.Request) error {
	s, err := b.Find(r.Context(), r.PathValue("show"))
	if err != nil {
		return err
	}
	after := int64(0)
	if v := r.URL.Query().Get("after"); v != "" {
		if after, err = strconv.ParseInt(v, 10, 64); err != nil {
			return api.Fail(http.StatusBadRequest, "bad_position", "after is the seq of the last entry you have.")
		}
	}
	entries, err := b.Entries(r.Context(), s.ID, after)
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, map[string]any{"show": s, "log": entries})
}
