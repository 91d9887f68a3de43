// Package chattest is the contract of chat's ports as tests. An implementation
// of [chat.Log] belongs into souk once ExerciseLog passes on it.
package chattest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"souk/chat"
	"souk/internal/api"
)

// ExerciseLog checks a Log. fresh returns an empty one; again returns a second
// Log on the same store, as the next process would open it (the same Log, if
// the store does not outlive it).
func ExerciseLog(t *testing.T, fresh func(t *testing.T) (log chat.Log, again func() chat.Log)) {
	t.Run("a new channel", func(t *testing.T) {
		log, _ := fresh(t)
		s := mustOpen(t, log, "tea")
		if s.Epoch == "" || len(s.Entries) != 0 || len(s.Sanctions) != 0 || !reflect.DeepEqual(s.Settings, chat.DefaultSettings()) {
			t.Errorf("a new channel is not empty: %+v", s)
		}
		if other := mustOpen(t, log, "silk"); other.Epoch == s.Epoch {
			t.Error("two channels share an epoch")
		}
	})
	t.Run("entries come back as they were", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		want := []chat.Entry{
			{Seq: 1, At: when(1), Type: "message", Message: "m1", Person: "ana", Data: raw(`{"text":"שלום 👋 <b>"}`)},
			{Seq: 2, At: when(2), Type: "pinned", MediaAt: when(3), Data: raw(`{"pin":"p1"}`)},
			{Seq: 3, At: when(2), Type: "notice", Data: raw(`{"text":"a\u0000b"}`)},
		}
		mustAppend(t, log, "tea", chat.Batch{Entries: want[:1]})
		mustAppend(t, log, "tea", chat.Batch{Entries: want[1:]})
		mustAppend(t, log, "silk", chat.Batch{Entries: []chat.Entry{{Seq: 1, At: when(1), Type: "notice", Data: raw(`{}`)}}})
		s := mustOpen(t, again(), "tea")
		if !reflect.DeepEqual(s.Entries, want) {
			t.Errorf("got  %+v\nwant %+v", s.Entries, want)
		}
		if s.Last() != 3 {
			t.Errorf("last is %d, want 3", s.Last())
		}
	})
	t.Run("only the last entries, by number", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		const n = chat.EntriesKept + 5
		var b chat.Batch
		for i := int64(1); i <= n; i++ {
			b.Entries = append(b.Entries, entry(i))
		}
		mustAppend(t, log, "tea", b)
		s := mustOpen(t, again(), "tea")
		if len(s.Entries) != chat.EntriesKept || s.Entries[0].Seq != 6 || s.Last() != n {
			t.Errorf("got %d entries from %d to %d", len(s.Entries), s.Entries[0].Seq, s.Last())
		}
	})
	t.Run("writing a number again replaces it", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		b := chat.Batch{Entries: []chat.Entry{entry(1), entry(2)}}
		mustAppend(t, log, "tea", b)
		mustAppend(t, log, "tea", b)
		gone := chat.Entry{Seq: 1, At: when(1), Type: "deleted", Data: raw(`{"message":"m1"}`)}
		// Within one batch too, the later one counts.
		mustAppend(t, log, "tea", chat.Batch{Entries: []chat.Entry{entry(1), gone, entry(3)}})
		got := mustOpen(t, again(), "tea").Entries
		if want := []chat.Entry{gone, entry(2), entry(3)}; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
	t.Run("what was taken out stays out", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		gone := chat.Entry{Seq: 1, At: when(1), Type: "deleted", Data: raw(`{"message":"m1"}`)}
		mustAppend(t, log, "tea", chat.Batch{Entries: []chat.Entry{gone, entry(2)}})
		mustAppend(t, log, "tea", chat.Batch{Entries: []chat.Entry{entry(1)}}) // a slower node
		got := mustOpen(t, again(), "tea").Entries
		if want := []chat.Entry{gone, entry(2)}; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
	t.Run("sanctions", func(t *testing.T) { sanctions(t, fresh) })
	t.Run("settings", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		until := api.At(when(5))
		want := chat.Settings{
			Slow: 30, KnownOnly: true, BuyersOnly: true, Calm: true, Links: chat.LinksHold, Sites: []string{"shop.example"},
			Words: []string{"scam", "שקר"}, WordsDo: chat.WordsMask, RaidGuests: 7, RaidUntil: &until,
			Notice: &chat.Notice{Text: "tea at five", At: api.At(when(6))},
		}
		mustAppend(t, log, "tea", chat.Batch{Settings: &want})
		mustAppend(t, log, "tea", chat.Batch{Entries: []chat.Entry{entry(1)}})
		if s := mustOpen(t, again(), "tea"); !reflect.DeepEqual(s.Settings, want) {
			t.Errorf("got  %+v\nwant %+v", s.Settings, want)
		}
		none := chat.DefaultSettings()
		mustAppend(t, log, "tea", chat.Batch{Settings: &none})
		if s := mustOpen(t, again(), "tea"); !reflect.DeepEqual(s.Settings, none) {
			t.Errorf("settings are still %+v", s.Settings)
		}
	})
	t.Run("questions", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		ask := func(n int64) chat.Question {
			return chat.Question{ID: fmt.Sprint("q", n), At: when(n), Person: "ana", Name: "Ana", Text: "how hot?", Product: "p1", State: chat.QuestionOpen}
		}
		mustAppend(t, log, "tea", chat.Batch{Questions: []chat.Question{ask(1), ask(2), ask(3)}})
		answered := ask(1)
		answered.State, answered.Answer, answered.Settled = chat.QuestionAnswered, "very", when(9)
		mustAppend(t, log, "tea", chat.Batch{Questions: []chat.Question{answered}})
		if s := mustOpen(t, again(), "tea"); !reflect.DeepEqual(s.Questions, []chat.Question{ask(2), ask(3)}) {
			t.Errorf("open are %+v", s.Questions)
		}
	})
	t.Run("letters", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		write := func(n int64, until time.Duration) chat.Letter {
			return chat.Letter{
				ID: fmt.Sprint("l", n), Person: "ana", At: when(n), Type: "offer", Data: raw(`{"a":1}`),
				Until: time.Now().Add(until).UTC().Truncate(time.Millisecond),
			}
		}
		first, over, second := write(1, time.Hour), write(2, -time.Hour), write(3, time.Hour)
		mustAppend(t, log, "tea", chat.Batch{Letters: []chat.Letter{first, over, second}})
		if s := mustOpen(t, again(), "tea"); !reflect.DeepEqual(s.Letters, []chat.Letter{first, second}) {
			t.Errorf("waiting are %+v", s.Letters)
		}
		first.Taken = true
		mustAppend(t, log, "tea", chat.Batch{Letters: []chat.Letter{first}})
		if s := mustOpen(t, again(), "tea"); !reflect.DeepEqual(s.Letters, []chat.Letter{second}) {
			t.Errorf("after one was taken: %+v", s.Letters)
		}
	})
	t.Run("what waits for a moderator", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		hold := func(n int64, until time.Duration) chat.Held {
			return chat.Held{
				ID: fmt.Sprint("h", n), At: when(n), Until: time.Now().Add(until).UTC().Truncate(time.Millisecond), State: "open",
				Person: "ana", Name: "Ana", Badges: []string{"buyer", "moderator"}, Type: "question", Text: "is it f*ke?", Product: "p1", Why: "word",
			}
		}
		first, over, second := hold(1, time.Hour), hold(2, -time.Hour), hold(3, time.Hour)
		second.Badges, second.Type, second.Product = []string{}, "message", ""
		b := chat.Batch{Held: []chat.Held{first, over, second}}
		mustAppend(t, log, "tea", b)
		mustAppend(t, log, "tea", b) // repeated
		if s := mustOpen(t, again(), "tea"); !reflect.DeepEqual(s.Held, []chat.Held{first, second}) {
			t.Errorf("waiting are %+v", s.Held)
		}
		first.State = "approved"
		mustAppend(t, log, "tea", chat.Batch{Held: []chat.Held{first}})
		if s := mustOpen(t, again(), "tea"); !reflect.DeepEqual(s.Held, []chat.Held{second}) {
			t.Errorf("after one was read: %+v", s.Held)
		}
	})
	t.Run("all that one said", func(t *testing.T) {
		log, again := fresh(t)
		mustOpen(t, log, "tea")
		by := func(seq int64, person string) chat.Entry {
			e := entry(seq)
			e.Person = person
			return e
		}
		pin := chat.Entry{Seq: 3, At: when(3), Type: "pinned", Data: raw(`{"pin":"p1"}`)}
		mustAppend(t, log, "tea", chat.Batch{Entries: []chat.Entry{by(1, "ana"), by(2, "ben"), pin, by(4, "ana"), by(5, "ana")}})
		mustAppend(t, log, "silk", chat.Batch{Entries: []chat.Entry{by(1, "ana")}})
		b := chat.Batch{Cleared: []chat.Cleared{{Person: "ana", Until: 4}}, Entries: []chat.Entry{by(6, "ana")}}
		mustAppend(t, log, "tea", b)
		mustAppend(t, log, "tea", b)
		gone := func(seq int64) chat.Entry {
			return chat.Entry{Seq: seq, At: when(seq), Type: "deleted", Data: raw(fmt.Sprintf(`{"message":"m%d"}`, seq))}
		}
		want := []chat.Entry{gone(1), by(2, "ben"), pin, gone(4), by(5, "ana"), by(6, "ana")}
		s := mustOpen(t, again(), "tea")
		if !reflect.DeepEqual(s.Entries, want) {
			t.Errorf("got  %+v\nwant %+v", s.Entries, want)
		}
		if silk := mustOpen(t, again(), "silk"); silk.Entries[0].Person != "ana" {
			t.Error("another channel lost it, too")
		}
	})
	t.Run("epochs", func(t *testing.T) { epochs(t, fresh) })
	t.Run("channels at the same time", func(t *testing.T) {
		log, again := fresh(t)
		var wg sync.WaitGroup
		for i := range 8 {
			channel := fmt.Sprint("c", i)
			mustOpen(t, log, channel)
			wg.Go(func() {
				for seq := int64(1); seq <= 20; seq++ {
					if err := log.Append(t.Context(), channel, chat.Batch{Entries: []chat.Entry{entry(seq)}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		second := again()
		for i := range 8 {
			if s := mustOpen(t, second, fmt.Sprint("c", i)); len(s.Entries) != 20 {
				t.Errorf("c%d has %d entries, want 20", i, len(s.Entries))
			}
		}
	})
}

func sanctions(t *testing.T, fresh func(t *testing.T) (chat.Log, func() chat.Log)) {
	log, again := fresh(t)
	mustOpen(t, log, "tea")
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	ban := chat.Sanction{Person: "ann", Name: "Ann", Kind: chat.Ban, At: when(1), By: "mod", Note: "sells fakes"}
	mute := chat.Sanction{Person: "bob", Kind: chat.Timeout, At: when(2), Until: later, By: "mod"}
	shadow := chat.Sanction{Person: "cyd", Kind: chat.Shadow, At: when(3), By: "mod"}
	mustAppend(t, log, "tea", chat.Batch{Sanctions: []chat.Sanction{
		{Person: "ann", Kind: chat.Timeout, Until: later, By: "mod"}, ban, mute, shadow, {Person: "cy", Kind: chat.Ban, By: "mod"}, {Person: "cy", Lifted: true},
	}})
	want := []chat.Sanction{ban, mute, shadow}
	if got := mustOpen(t, again(), "tea").Sanctions; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := mustOpen(t, log, "silk").Sanctions; len(got) != 0 {
		t.Errorf("another channel has %+v", got)
	}
	traced := chat.Sanction{Person: "dan", Kind: chat.Ban, At: when(4), Until: later, By: "mod", Devices: []string{"d1", "d2"}, Network: "n1", NetworkUntil: later}
	mustAppend(t, log, "tea", chat.Batch{Sanctions: []chat.Sanction{traced}})
	want = append(want, traced)
	mustAppend(t, log, "tea", chat.Batch{Sanctions: []chat.Sanction{{Person: "ann", Lifted: true}, {Person: "nobody", Lifted: true}}})
	if got := mustOpen(t, again(), "tea").Sanctions; !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("after lifting one: %+v", got)
	}
}

func epochs(t *testing.T, fresh func(t *testing.T) (chat.Log, func() chat.Log)) {
	log, again := fresh(t)
	first := mustOpen(t, log, "tea").Epoch
	mustAppend(t, log, "tea", chat.Batch{Entries: []chat.Entry{entry(1)}})
	mustSeal(t, log, "tea", 1)
	second := again()
	if got := mustOpen(t, second, "tea").Epoch; got != first {
		t.Fatalf("epoch %s after a clean end, want still %s", got, first)
	}
	// Opening has broken the seal, even though nothing was written since.
	third := mustOpen(t, again(), "tea").Epoch
	if third == first {
		t.Fatal("the same epoch after an end without a seal")
	}
	// A seal that does not name the last entry proves nothing.
	log = again()
	mustOpen(t, log, "tea")
	mustAppend(t, log, "tea", chat.Batch{Entries: []chat.Entry{entry(2)}})
	mustSeal(t, log, "tea", 5)
	if got := mustOpen(t, again(), "tea"); got.Epoch == third || got.Last() != 2 {
		t.Errorf("epoch %s, last %d: the seal at 5 was believed", got.Epoch, got.Last())
	}
	// A channel nobody spoke on can be sealed too.
	silent := mustOpen(t, log, "silk").Epoch
	mustSeal(t, log, "silk", 0)
	if got := mustOpen(t, again(), "silk").Epoch; got != silent {
		t.Errorf("epoch %s of a silent channel, want still %s", got, silent)
	}
}

func mustOpen(t *testing.T, l chat.Log, channel string) chat.State {
	t.Helper()
	s, err := l.Open(t.Context(), channel)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustAppend(t *testing.T, l chat.Log, channel string, b chat.Batch) {
	t.Helper()
	if err := l.Append(t.Context(), channel, b); err != nil {
		t.Fatal(err)
	}
}

func mustSeal(t *testing.T, l chat.Log, channel string, seq int64) {
	t.Helper()
	if err := l.Seal(t.Context(), channel, seq); err != nil {
		t.Fatal(err)
	}
}

func entry(seq int64) chat.Entry {
	return chat.Entry{
		Seq: seq, At: when(seq), Type: "message", Message: fmt.Sprint("m", seq), Person: "ana",
		Data: raw(fmt.Sprintf(`{"text":"%d"}`, seq)),
	}
}

func when(ms int64) time.Time { return time.UnixMilli(1_790_000_000_000 + ms).UTC() }

func raw(s string) json.RawMessage { return json.RawMessage(s) }
