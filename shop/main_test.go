package shop_test

import (
	"fmt"
	"os"
	"testing"

	"souk/internal/db/dbtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(tillDatabase) != "" {
		fmt.Fprintln(os.Stderr, runTill())
		os.Exit(1)
	}
	dbtest.Main(m)
}
