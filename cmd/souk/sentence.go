package main

import (
	"errors"

	"souk/internal/api"
)

// sentence turns an answer meant for clients into an error for a terminal.
func sentence(err error) error {
	var e *api.Error
	if errors.As(err, &e) && e.Cause == nil {
		return errors.New(e.Detail)
	}
	return err
}
