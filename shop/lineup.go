package shop

import (
	"context"
	"database/sql"
	"net/http"

	"souk/internal/api"
	"souk/internal/db"
)

// GetLineup handles GET /api/v1/channels/{channel}/lineup: the run of show.
func (s *Shop) GetLineup(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, sellers); err != nil {
		return err
	}
	rows, err := s.DB.Read().QueryContext(r.Context(), "SELECT product FROM shop_lineup WHERE channel = $1 ORDER BY position", channel)
	ids, err := db.Collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
	if err != nil {
		return err
	}
	return api.Write(w, http.StatusOK, lineup{ids})
}

type lineup struct {
	Products []string `json:"products"`
}

// SetLineup handles PUT /api/v1/channels/{channel}/lineup.
func (s *Shop) SetLineup(w http.ResponseWriter, r *http.Request) error {
	channel := r.PathValue("channel")
	if _, err := s.require(r, channel, hosts); err != nil {
		return err
	}
	var l lineup
	if err := api.Read(w, r, &l); err != nil {
		return err
	}
	if len(l.Products) > maxLineup {
		return bad("products", "has more than 200 entries")
	}
	err := s.DB.Write(r.Context(), func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM shop_lineup WHERE channel = $1", channel); err != nil {
			return err
		}
		for i, id := range l.Products {
			n, err := tx.Changed(ctx, `INSERT INTO shop_lineup (channel, position, product)
				SELECT p.channel, CAST($1 AS BIGINT), p.id FROM shop_product p WHERE p.id = $2 AND p.channel = $3 AND p.dropped IS NULL`, i, id, channel)
			if err != nil {
				return err
			}
			if n == 0 {
				return ErrNoProduct.With("product", id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if l.Products == nil {
		l.Products = []string{}
	}
	return api.Write(w, http.StatusOK, l)
}
