package chat

import (
	"testing"

	"souk/internal/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
