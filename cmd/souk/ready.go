package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
)

// ready is what the ready file tells a program that started souk.
type ready struct {
	HTTP  string `json:"http"`
	RTMP  string `json:"rtmp,omitempty"` // none at an edge
	RTMPS string `json:"rtmps,omitempty"`
	Admin string `json:"admin"`
}

func (l *listeners) ready() ready {
	r := ready{HTTP: "http://" + dialable(l.http), Admin: "http://" + dialable(l.admin)}
	if l.rtmp != nil {
		r.RTMP = "rtmp://" + dialable(l.rtmp) + "/live"
	}
	if l.rtmps != nil {
		r.RTMPS = "rtmps://" + dialable(l.rtmps) + "/live"
	}
	return r
}

// dialable is the address of ln as a program on this machine can use it.
func dialable(ln net.Listener) string {
	host, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return ln.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// announce writes the ready file, whole or not at all, and removes it when the
// server ends. The listeners accept since before this was called.
func announce(ctx context.Context, path string, ln *listeners, extra any, log *slog.Logger) error {
	r := ln.ready()
	log.Info("ready", "http", r.HTTP, "rtmp", r.RTMP, "admin", r.Admin)
	if path != "" {
		if err := writeReady(path, r, extra); err != nil {
			return err
		}
		defer os.Remove(path)
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func writeReady(path string, r ready, extra any) error {
	doc := map[string]any{}
	for _, v := range []any{r, extra} {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		var members map[string]any
		if err := json.Unmarshal(b, &members); err != nil {
			return err
		}
		maps.Copy(doc, members)
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	// The demo's file holds a password and a key: for its owner only.
	tmp, err := os.CreateTemp(filepath.Dir(path), ".ready-*")
	if err != nil {
		return fmt.Errorf("--ready-file: %w", err)
	}
	_, err = tmp.Write(append(b, '\n'))
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("--ready-file: %w", err)
	}
	return nil
}
