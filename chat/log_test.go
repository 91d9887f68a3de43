package chat_test

import (
	"testing"

	"souk/chat"
	"souk/chat/chattest"
	"souk/internal/db/dbtest"
)

var schema = dbtest.Schema{Package: "chat", Files: chat.Migrations()}

func TestMemLog(t *testing.T) {
	chattest.ExerciseLog(t, func(*testing.T) (chat.Log, func() chat.Log) {
		l := &chat.MemLog{}
		return l, func() chat.Log { return l }
	})
}

func TestSQLLogOnSQLite(t *testing.T) { exerciseSQL(t, dbtest.SQLite) }

func TestSQLLogOnPostgres(t *testing.T) {
	dbtest.Postgres(t) // keeps one server up over all subtests
	exerciseSQL(t, dbtest.Postgres)
}

// exerciseSQL closes and opens the database for every second Log, as a restart does.
func exerciseSQL(t *testing.T, address func(testing.TB) string) {
	chattest.ExerciseLog(t, func(t *testing.T) (chat.Log, func() chat.Log) {
		where := address(t)
		d, stop := dbtest.Start(t, where, schema)
		l := &chat.SQLLog{DB: d}
		return l, func() chat.Log {
			stop()
			l.DB, stop = dbtest.Start(t, where, schema)
			return l
		}
	})
}
