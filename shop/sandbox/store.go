package sandbox

import (
	"database/sql"
	"encoding/json"
	"errors"
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

// exists refuses a parameter that names an object which is not there.
func (c *call) exists(param, kind, id string) error {
	var one int
	err := c.tx.QueryRow(c, "SELECT 1 FROM sandbox_object WHERE id = $1 AND kind = $2", id, kind).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return missingParam(param, kind, id)
	}
	return err
}

// named is load for the object that a parameter names.
func named[T any](c *call, param, kind string) (v T, err error) {
	id, err := c.need(param)
	if err != nil {
		return v, err
	}
	v, _, err = load[T](c, kind, id)
	var no *failure
	if errors.As(err, &no) {
		err = missingParam(param, kind, id)
	}
	return v, err
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
