package sandbox

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

type webhookEndpoint struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	APIVersion    *string           `json:"api_version"`
	Application   *string           `json:"application"`
	Created       int64             `json:"created"`
	Description   *string           `json:"description"`
	EnabledEvents []string          `json:"enabled_events"`
	Livemode      bool              `json:"livemode"`
	Metadata      map[string]string `json:"metadata"`
	Secret        string            `json:"secret,omitempty"` // told once, at its making
	Status        string            `json:"status"`
	URL           string            `json:"url"`
}

func (o webhookEndpoint) head() (string, string, string) { return o.ID, o.Object, "" }

// createEndpoint makes a receiver of events. Its secret is in this answer and
// in no other.
func createEndpoint(c *call) (any, error) {
	if err := c.only("url", "enabled_events", "api_version", "description", "metadata", "connect"); err != nil {
		return nil, err
	}
	to, err := c.receiverURL()
	if err != nil {
		return nil, err
	}
	events := c.list("enabled_events")
	if len(events) == 0 {
		return nil, &failure{Type: invalid, Code: "parameter_missing", Param: "enabled_events", Message: "Missing required param: enabled_events."}
	}
	if v := c.params.Get("api_version"); v != "" && v != apiVersion {
		return nil, wrong("api_version", "The sandbox speaks "+apiVersion+" only.")
	}
	var n int
	if err := c.tx.QueryRow(c, "SELECT COUNT(*) FROM sandbox_object WHERE kind = 'webhook_endpoint'").Scan(&n); err != nil {
		return nil, err
	}
	if n >= maxEndpoints {
		return nil, &failure{Type: invalid, Message: "You have reached the maximum of 16 test webhook endpoints."}
	}
	secret := NewSecret()
	o := webhookEndpoint{ID: newID("we"), Object: "webhook_endpoint", APIVersion: optional(c.params.Get("api_version")), Created: c.tx.Now.Unix(),
		Description: optional(c.params.Get("description")), EnabledEvents: events, Metadata: c.members("metadata"), Status: "enabled", URL: to}
	if err := c.save(o, secret); err != nil {
		return nil, err
	}
	o.Secret = secret
	return o, nil
}

func (c *call) receiverURL() (string, error) {
	to, err := c.need("url")
	if err != nil {
		return "", err
	}
	if u, err := url.Parse(to); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", &failure{Type: invalid, Code: "url_invalid", Param: "url", Message: "Invalid URL: An explicit scheme (such as https) must be provided."}
	}
	return to, nil
}

func updateEndpoint(c *call) (any, error) {
	if err := c.only("url", "enabled_events", "description", "disabled", "metadata"); err != nil {
		return nil, err
	}
	o, _, err := load[webhookEndpoint](c, "webhook_endpoint", c.id)
	if err != nil {
		return nil, err
	}
	if c.params.Has("url") {
		if o.URL, err = c.receiverURL(); err != nil {
			return nil, err
		}
	}
	if events := c.list("enabled_events"); len(events) > 0 {
		o.EnabledEvents = events
	}
	switch c.params.Get("disabled") {
	case "true":
		o.Status = "disabled"
	case "false":
		o.Status = "enabled"
	}
	return o, c.save(o, "")
}

func deleteEndpoint(c *call) (any, error) {
	if err := c.only(); err != nil {
		return nil, err
	}
	n, err := c.tx.Changed(c, "DELETE FROM sandbox_object WHERE id = $1 AND kind = 'webhook_endpoint'", c.id)
	if err == nil && n == 0 {
		err = missing("webhook_endpoint", c.id)
	}
	return map[string]any{"id": c.id, "object": "webhook_endpoint", "deleted": true}, err
}

// receiver is who gets events.
type receiver struct {
	URL, Secret string
	events      []string
}

// wants tells whether a receiver asked for events of a type.
func (r receiver) wants(kind string) bool {
	return slices.ContainsFunc(r.events, func(e string) bool {
		return e == "*" || e == kind || strings.HasSuffix(e, ".*") && strings.HasPrefix(kind, strings.TrimSuffix(e, "*"))
	})
}

// receivers are the shop itself, where the sandbox is part of it, and every
// endpoint that was registered.
func (s *Sandbox) receivers(ctx context.Context) (all []receiver, err error) {
	if s.HookURL != nil {
		if to := s.HookURL(); to != "" {
			all = append(all, receiver{to, s.HookSecret, []string{"*"}})
		}
	}
	rows, err := s.DB.Read().QueryContext(ctx, "SELECT note, body FROM sandbox_object WHERE customer = '' AND kind = 'webhook_endpoint' ORDER BY id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var secret, body string
		if err := rows.Scan(&secret, &body); err != nil {
			return nil, err
		}
		var o webhookEndpoint
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			return nil, err
		}
		if o.Status == "enabled" {
			all = append(all, receiver{o.URL, secret, o.EnabledEvents})
		}
	}
	return all, rows.Err()
}
