package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	doorPatience = 30 * time.Second // for one answer
	doorBody     = 32 << 20         // bytes of one answer
)

// door is how a synthetic person reaches the server: plain HTTP, as a browser.
type door struct {
	base   string
	client *http.Client
}

func newDoor(base string) *door {
	return &door{base: base, client: &http.Client{
		Timeout: doorPatience,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 2 * maxRehearsal, // everybody keeps a connection, as browsers do
			IdleConnTimeout:     doorPatience,
		},
	}}
}

// refusal is a problem document.
type refusal struct {
	Status int
	Code   string
	Detail string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Detail) }

func (d *door) get(ctx context.Context, path, token string, into any) error {
	return d.call(ctx, http.MethodGet, path, token, nil, nil, into)
}

func (d *door) post(ctx context.Context, path, token string, body, into any) error {
	return d.call(ctx, http.MethodPost, path, token, nil, body, into)
}

// call sends one request. A refusal is a *refusal.
func (d *door) call(ctx context.Context, method, path, token string, header http.Header, body, into any) error {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, sent)
	if err != nil {
		return err
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, doorBody))
	if err != nil {
		return err
	}
	if res.StatusCode >= 400 {
		r := &refusal{Status: res.StatusCode}
		if json.Unmarshal(answer, r) != nil || r.Code == "" {
			r.Code = http.StatusText(res.StatusCode)
		}
		return r
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// media fetches one file of the stream.
func (d *door) media(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, &refusal{Status: res.StatusCode, Code: http.StatusText(res.StatusCode)}
	}
	return io.ReadAll(io.LimitReader(res.Body, doorBody))
}

// guest comes in as the page does for everybody.
func (d *door) guest(ctx context.Context) (token string, err error) {
	var answer struct{ Token string }
	err = d.post(ctx, "/api/v1/guests", "", map[string]string{}, &answer)
	return answer.Token, err
}
