package sandbox

import (
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
)

// object is what every stored object has in common.
type object interface {
	head() (id, kind, customer string)
}

// load reads an object and holds its row until the commit: what follows is
// decided on what was read. The note is what Stripe knows and does not show.
func load[T any](c *call, kind, id string) (v T, note string, err error) {
	var body string
	err = c.tx.QueryRow(c, "UPDATE sandbox_object SET note = note WHERE id = $1 AND kind = $2 RETURNING note, body", id, kind).Scan(&note, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return v, "", missing(kind, id)
	}
	if err != nil {
		return v, "", err
	}
	return v, note, json.Unmarshal([]byte(body), &v)
}

// peek is load for what is only read: nothing is decided on it that a change a
// moment later would spoil.
func peek[T any](c *call, kind, id string) (v T, note string, err error) {
	var body string
	err = c.tx.QueryRow(c, "SELECT note, body FROM sandbox_object WHERE id = $1 AND kind = $2", id, kind).Scan(&note, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return v, "", missing(kind, id)
	}
	if err != nil {
		return v, "", err
	}
	return v, note, json.Unmarshal([]byte(body), &v)
}

// exists refuses the name of an object that is not there.
func (c *call) exists(kind, id string) error {
	var one int
	err := c.tx.QueryRow(c, "SELECT 1 FROM sandbox_object WHERE id = $1 AND kind = $2", id, kind).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return missing(kind, id)
	}
	return err
}

// save writes an object, new or not. An empty note leaves the one there is.
func (c *call) save(o object, note string) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	id, kind, customer := o.head()
	_, err = c.tx.Exec(c, `INSERT INTO sandbox_object (id, kind, customer, created, note, body) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, body = excluded.body,
			note = CASE WHEN excluded.note = '' THEN sandbox_object.note ELSE excluded.note END`,
		id, kind, customer, c.tx.Now.Unix(), note, string(body))
	return err
}

// retrieve answers an object as it is.
func retrieve(kind string) endpoint {
	return func(c *call) (any, error) {
		if err := c.only(); err != nil {
			return nil, err
		}
		var body string
		err := c.tx.QueryRow(c, "SELECT body FROM sandbox_object WHERE id = $1 AND kind = $2", c.id, kind).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, missing(kind, c.id)
		}
		return json.RawMessage(body), err
	}
}

// page is Stripe's list object.
type page struct {
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
	HasMore bool              `json:"has_more"`
	URL     string            `json:"url"`
}

// listOf answers a customer's objects of a kind, newest first.
func listOf(kind string) endpoint {
	return func(c *call) (any, error) {
		if err := c.only("customer", "limit", "starting_after", "created"); err != nil {
			return nil, err
		}
		return c.page(kind, c.params.Get("customer"))
	}
}

func (c *call) page(kind, customer string) (any, error) {
	limit := 10 // Stripe's default
	if text := c.params.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxList {
			return nil, wrong("limit", "Limit must be between 1 and 100.")
		}
		limit = n
	}
	since, until := int64(0), int64(1)<<62
	for name, to := range map[string]*int64{"created[gte]": &since, "created[lte]": &until} {
		if text := c.params.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, wrong(name, "Invalid timestamp.")
			}
			*to = n
		}
	}
	rows, err := c.tx.Query(c, `SELECT body FROM sandbox_object WHERE kind = $1 AND ($2 = '' OR customer = $2)
		AND created >= $3 AND created <= $4 AND ($5 = '' OR id < $5) ORDER BY id DESC LIMIT $6`,
		kind, customer, since, until, c.params.Get("starting_after"), limit+1)
	return gather(rows, err, limit)
}

func gather(rows *sql.Rows, err error, limit int) (any, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	p := page{Object: "list", Data: []json.RawMessage{}, URL: "/v1"}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		p.Data = append(p.Data, json.RawMessage(body))
	}
	if len(p.Data) > limit {
		p.Data, p.HasMore = p.Data[:limit], true
	}
	return p, rows.Err()
}
