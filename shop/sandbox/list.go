package sandbox

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// page is Stripe's list object.
type page struct {
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
	HasMore bool              `json:"has_more"`
	URL     string            `json:"url"`
}

// window is which part of a list is asked for.
type window struct {
	limit         int
	since, until  int64  // unix seconds
	after, before string // ids; at most one of them
}

// windowParams are the parameters that every list takes.
var windowParams = []string{"limit", "starting_after", "ending_before", "created"}

// window reads them. known tells whether an object is in the list's kind: a
// cursor that is not refuses the request.
func (c *call) window(known func(id string) error) (w window, err error) {
	w = window{limit: 10, until: 1 << 62, after: c.params.Get("starting_after"), before: c.params.Get("ending_before")}
	if text := c.params.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxList {
			return w, wrong("limit", "Limit must be between 1 and 100.")
		}
		w.limit = n
	}
	for name, bound := range map[string]struct {
		to   *int64
		move int64
	}{"created[gte]": {&w.since, 0}, "created[gt]": {&w.since, 1}, "created[lte]": {&w.until, 0}, "created[lt]": {&w.until, -1}} {
		if text := c.params.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return w, wrong(name, "Invalid timestamp.")
			}
			*bound.to = n + bound.move
		}
	}
	if text := c.params.Get("created"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return w, wrong("created", "Invalid timestamp.")
		}
		w.since, w.until = n, n
	}
	if w.after != "" && w.before != "" {
		return w, wrong("ending_before", "You may only specify one of these parameters: ending_before, starting_after.")
	}
	for param, id := range map[string]string{"starting_after": w.after, "ending_before": w.before} {
		if id == "" {
			continue
		}
		var no *failure
		if err := known(id); errors.As(err, &no) {
			no.Param, no.inForm = param, true
			return w, no
		} else if err != nil {
			return w, err
		}
	}
	return w, nil
}

// pageOf runs a query that ends before its order, and answers a page of it,
// newest first. The order is that of column, in which ids sort by time.
func (c *call) pageOf(w window, column, query string, args ...any) (page, error) {
	p := page{Object: "list", Data: []json.RawMessage{}, URL: c.path}
	order := "DESC"
	switch {
	case w.after != "":
		args = append(args, suffix(column, w.after))
		query += fmt.Sprintf(" AND %s < $%d", column, len(args))
	case w.before != "":
		args, order = append(args, suffix(column, w.before)), "ASC" // the nearest ones
		query += fmt.Sprintf(" AND %s > $%d", column, len(args))
	}
	args = append(args, w.limit+1)
	rows, err := c.tx.Query(c, fmt.Sprintf("%s ORDER BY %s %s LIMIT $%d", query, column, order, len(args)), args...)
	if err != nil {
		return p, err
	}
	defer rows.Close()
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return p, err
		}
		p.Data = append(p.Data, json.RawMessage(body))
	}
	if len(p.Data) > w.limit {
		p.Data, p.HasMore = p.Data[:w.limit], true
	}
	if w.before != "" {
		slices.Reverse(p.Data)
	}
	return p, rows.Err()
}

// suffix is the id as column has it: where objects of several kinds are listed
// together, they sort by what follows their prefix.
func suffix(column, id string) string {
	if column == "id" {
		return id
	}
	return id[strings.LastIndex(id, "_")+1:]
}

// listOf answers the objects of a kind, newest first, by any of the filters: the
// id of what they belong to.
func listOf(kind string, filters ...string) endpoint {
	return func(c *call) (any, error) {
		if err := c.only(append(filters, windowParams...)...); err != nil {
			return nil, err
		}
		return c.page(kind, filters...)
	}
}

// page is listOf without its check. Everything that belongs to something
// belongs to a customer, or to none, and that is where the index is.
func (c *call) page(kind string, filters ...string) (page, error) {
	w, err := c.window(func(id string) error { return c.exists("", kind, id) })
	if err != nil {
		return page{}, err
	}
	query := "SELECT body FROM sandbox_object WHERE kind = $1 AND created >= $2 AND created <= $3"
	args := []any{kind, w.since, w.until}
	for _, filter := range filters {
		value := c.params.Get(filter)
		if value == "" {
			continue
		}
		if filter == "customer" {
			args = append(args, value)
			query += fmt.Sprintf(" AND customer = $%d", len(args))
			continue
		}
		var of string
		err := c.tx.QueryRow(c, "SELECT customer FROM sandbox_object WHERE id = $1", value).Scan(&of)
		if errors.Is(err, sql.ErrNoRows) {
			return page{}, missingParam(filter, filter, value)
		}
		if err != nil {
			return page{}, err
		}
		member, err := json.Marshal(map[string]string{filter: value})
		if err != nil {
			return page{}, err
		}
		args = append(args, of, "%"+strings.Trim(string(member), "{}")+"%")
		query += fmt.Sprintf(" AND customer = $%d AND body LIKE $%d", len(args)-1, len(args))
	}
	return c.pageOf(w, "id", query, args...)
}

// retrieve answers an object as it is.
func retrieve(kind string, also ...string) endpoint {
	return func(c *call) (any, error) {
		if err := c.only(also...); err != nil {
			return nil, err
		}
		if secret := c.params.Get("client_secret"); secret != "" {
			if err := c.opens(kind, secret); err != nil {
				return nil, err
			}
		}
		return c.body(kind, c.id)
	}
}

// opens refuses a client secret that is not the object's.
func (c *call) opens(kind, secret string) error {
	o, _, err := peek[struct {
		ClientSecret string `json:"client_secret"`
	}](c, kind, c.id)
	if err == nil && !equal(o.ClientSecret, secret) {
		err = &failure{Type: invalid, Code: "resource_missing", Param: "client_secret", Message: "The client_secret provided does not match the client_secret associated with this object."}
	}
	return err
}

func (c *call) body(kind, id string) (json.RawMessage, error) {
	var body string
	err := c.tx.QueryRow(c, "SELECT body FROM sandbox_object WHERE id = $1 AND kind = $2", id, kind).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, missing(kind, id)
	}
	return json.RawMessage(body), err
}
