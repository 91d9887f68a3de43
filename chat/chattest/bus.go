package chattest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"souk/chat"
)

// busPatience bounds waits for a bus.
const busPatience = 20 * time.Second

// ExerciseBus checks a Bus. fresh returns an empty one as a function: each
// call is another node's end of it.
func ExerciseBus(t *testing.T, fresh func(t *testing.T) func() chat.Bus) {
	t.Run("a new line", func(t *testing.T) {
		end := fresh(t)
		a, b := end(), end()
		j := mustJoin(t, a, "tea", chat.Place{}, 41)
		if j.Epoch == "" || j.Last < 41 || len(j.Parcels) != 0 {
			t.Errorf("a new line is %+v", j)
		}
		if other := mustJoin(t, b, "tea", chat.Place{}, 7); other.Epoch != j.Epoch || other.Last != j.Last {
			t.Errorf("the second node finds %+v, the first %+v", other, j)
		}
		if silk := mustJoin(t, a, "silk", chat.Place{}, 0); silk.Epoch == j.Epoch {
			t.Error("two channels share an epoch")
		}
	})
	t.Run("one order for all", func(t *testing.T) { oneOrder(t, fresh(t)) })
	t.Run("a parcel twice is one", func(t *testing.T) {
		end := fresh(t)
		a, b := end(), end()
		j := mustJoin(t, a, "tea", chat.Place{}, 0)
		for _, serial := range []int64{1, 1, 2, 1, 2, 5} { // 3 and 4 were never heard of
			mustPublish(t, a, "tea", j.Epoch, parcel("n1", serial, 1))
		}
		mustPublish(t, b, "tea", j.Epoch, parcel("n2", 1, 1)) // another node's first
		var got []string
		for range 4 {
			p := next(t, j)
			got = append(got, fmt.Sprint(p.Node, p.Serial))
		}
		if want := "[n11 n12 n15 n21]"; fmt.Sprint(got) != want {
			t.Errorf("got %v, want %s", got, want)
		}
		silent(t, j)
	})
	t.Run("what a parcel says arrives", func(t *testing.T) {
		end := fresh(t)
		a, b := end(), end()
		ja, jb := mustJoin(t, a, "tea", chat.Place{}, 0), mustJoin(t, b, "tea", chat.Place{}, 0)
		sent := chat.Parcel{Node: "n1", Serial: 9, Numbers: 3, Data: []byte("a b\x00\xff {\"t\":1} ü\n ")}
		mustPublish(t, a, "tea", ja.Epoch, sent)
		mustPublish(t, a, "tea", ja.Epoch, chat.Parcel{Node: "n1", Serial: 10, Data: []byte("-")})
		p, q := next(t, jb), next(t, jb)
		if p.Node != "n1" || p.Serial != 9 || p.Numbers != 3 || string(p.Data) != string(sent.Data) || p.First != ja.Last+1 || p.Offset != 1 {
			t.Errorf("got %+v", p)
		}
		if q.First != ja.Last+4 || q.Numbers != 0 || q.Offset != 2 {
			t.Errorf("then %+v", q)
		}
	})
	t.Run("coming back", func(t *testing.T) { comingBack(t, fresh(t)) })
	t.Run("an epoch that is over", func(t *testing.T) {
		a := fresh(t)()
		mustJoin(t, a, "tea", chat.Place{}, 0)
		if err := a.Publish(t.Context(), "tea", "another", parcel("n1", 1, 1)); err != chat.ErrNewEpoch {
			t.Errorf("publishing into another epoch: %v", err)
		}
		if err := a.Publish(t.Context(), "silk", "another", parcel("n1", 1, 1)); err != chat.ErrNewEpoch {
			t.Errorf("publishing where there is no line: %v", err)
		}
	})
	t.Run("who is here", func(t *testing.T) { whoIsHere(t, fresh(t)) })
	t.Run("leaving", func(t *testing.T) {
		a := fresh(t)()
		j := mustJoin(t, a, "tea", chat.Place{}, 0)
		a.Leave("tea")
		a.Leave("tea")
		a.Leave("nowhere")
		if p, ok := <-j.Rest; ok {
			t.Errorf("after leaving came %+v", p)
		}
		again := mustJoin(t, a, "tea", chat.Place{}, 0)
		mustPublish(t, a, "tea", again.Epoch, parcel("n1", 1, 1))
		next(t, again)
	})
}

// oneOrder has three nodes talk at once, one of them through ever new joins.
func oneOrder(t *testing.T, end func() chat.Bus) {
	const nodes, each = 3, 200
	orders := make([][]string, nodes)
	var buses []chat.Bus
	var joined []chat.Joined
	for n := range nodes {
		buses = append(buses, end())
		joined = append(joined, mustJoin(t, buses[n], "tea", chat.Place{}, 0))
	}
	var wg sync.WaitGroup
	for n, bus := range buses {
		j, epoch := joined[n], joined[n].Epoch
		wg.Go(func() {
			for serial := int64(1); serial <= each; serial++ {
				mustPublish(t, bus, "tea", epoch, parcel(fmt.Sprint("n", n), serial, rand.IntN(4)))
			}
		})
		wg.Go(func() {
			number, place := j.Last, chat.Place{Epoch: j.Epoch}
			for len(orders[n]) < nodes*each {
				if n == 0 && rand.IntN(20) == 0 { // through the door and back in
					bus.Leave("tea")
					j = mustJoin(t, bus, "tea", place, 0)
					if !j.Whole {
						t.Error("the line forgot what came meanwhile")
						return
					}
				}
				var p chat.Parcel
				if len(j.Parcels) > 0 {
					p, j.Parcels = j.Parcels[0], j.Parcels[1:]
				} else if p = next(t, j); p.Offset == 0 {
					return
				}
				if p.Offset != place.Offset+1 || p.Numbers > 0 && p.First != number+1 {
					t.Errorf("%d comes after %d, number %d after %d", p.Offset, place.Offset, p.First, number)
				}
				place.Offset = p.Offset
				number += int64(p.Numbers)
				orders[n] = append(orders[n], fmt.Sprint(p.Node, " ", p.Serial, " ", p.First))
			}
		})
	}
	wg.Wait()
	for n := 1; n < nodes; n++ {
		if !slices.Equal(orders[0], orders[n]) {
			t.Errorf("node %d has another order than node 0", n)
		}
	}
}

func comingBack(t *testing.T, end func() chat.Bus) {
	a, b := end(), end()
	j := mustJoin(t, a, "tea", chat.Place{}, 0)
	mustPublish(t, a, "tea", j.Epoch, parcel("n1", 1, 2))
	mustPublish(t, a, "tea", j.Epoch, parcel("n1", 2, 1))
	next(t, j)
	a.Leave("tea")
	mustPublish(t, b, "tea", j.Epoch, parcel("n2", 1, 1))
	back := mustJoin(t, a, "tea", chat.Place{Epoch: j.Epoch, Offset: 1}, 0)
	if !back.Whole || len(back.Parcels) != 2 || back.Parcels[0].Offset != 2 || back.Parcels[1].Node != "n2" || back.Last != j.Last+4 {
		t.Errorf("back at 1: %+v", back)
	}
	mustPublish(t, b, "tea", j.Epoch, parcel("n2", 2, 1))
	if p := next(t, back); p.Offset != 4 {
		t.Errorf("then came %+v", p)
	}
	if all := mustJoin(t, a, "tea", chat.Place{}, 0); all.Whole || len(all.Parcels) != 4 {
		t.Errorf("from nowhere: whole %v, %d parcels", all.Whole, len(all.Parcels))
	}
	if other := mustJoin(t, a, "tea", chat.Place{Epoch: "another", Offset: 2}, 0); other.Whole || len(other.Parcels) != 4 {
		t.Errorf("from another epoch: whole %v, %d parcels", other.Whole, len(other.Parcels))
	}
	if ahead := mustJoin(t, a, "tea", chat.Place{Epoch: j.Epoch, Offset: 99}, 0); ahead.Whole {
		t.Error("a place that is not there yet is whole")
	}
	for serial := int64(3); serial < 3000; serial++ { // more than anybody keeps
		mustPublish(t, b, "tea", j.Epoch, parcel("n2", serial, 1))
	}
	late := mustJoin(t, a, "tea", chat.Place{Epoch: j.Epoch, Offset: 4}, 0)
	if late.Whole || len(late.Parcels) == 0 || len(late.Parcels) > 2000 {
		t.Errorf("back after very long: whole %v, %d parcels", late.Whole, len(late.Parcels))
	}
	if p := late.Parcels[len(late.Parcels)-1]; p.Serial != 2999 || p.First+int64(p.Numbers)-1 != late.Last {
		t.Errorf("the last parcel is %+v, the last number %d", p, late.Last)
	}
}

func whoIsHere(t *testing.T, end func() chat.Bus) {
	a, b := end(), end()
	mustJoin(t, a, "tea", chat.Place{}, 0)
	mustJoin(t, b, "tea", chat.Place{}, 0)
	mustJoin(t, b, "silk", chat.Place{}, 0)
	counts := func(bus chat.Bus, channel string, want int, who chat.Attendance) {
		t.Helper()
		if n, err := bus.Count(t.Context(), channel, who); err != nil || n != want {
			t.Errorf("%d people, %v, want %d", n, err, want)
		}
	}
	counts(a, "tea", 2, chat.Attendance{Here: []string{"ana", "ben"}})
	counts(b, "tea", 3, chat.Attendance{Here: []string{"ben", "cleo"}})
	counts(b, "silk", 1, chat.Attendance{Here: []string{"cleo"}})
	counts(a, "tea", 2, chat.Attendance{Here: []string{"ben"}, Gone: []string{"ana"}})
	counts(b, "tea", 1, chat.Attendance{Gone: []string{"cleo"}})
	var crowd []string
	for i := range 5000 {
		crowd = append(crowd, fmt.Sprint("p", i))
	}
	counts(a, "tea", 5001, chat.Attendance{Here: crowd})
	counts(a, "tea", 1, chat.Attendance{Gone: crowd})
}

func parcel(node string, serial int64, numbers int) chat.Parcel {
	return chat.Parcel{Node: node, Serial: serial, Numbers: numbers, Data: fmt.Appendf(nil, "%s/%d", node, serial)}
}

func mustJoin(t *testing.T, b chat.Bus, channel string, from chat.Place, seed int64) chat.Joined {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), busPatience)
	defer cancel()
	j, err := b.Join(ctx, channel, from, seed)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func mustPublish(t *testing.T, b chat.Bus, channel, epoch string, p chat.Parcel) {
	t.Helper()
	if err := b.Publish(t.Context(), channel, epoch, p); err != nil {
		t.Error(err)
	}
}

// next returns the parcel that comes next, or an empty one when none does.
func next(t *testing.T, j chat.Joined) chat.Parcel {
	t.Helper()
	limit := time.NewTimer(busPatience)
	defer limit.Stop()
	select {
	case p, ok := <-j.Rest:
		if !ok {
			t.Error("cut off")
		}
		return p
	case <-limit.C:
		t.Error("nothing came")
	}
	return chat.Parcel{}
}

// silent checks that nothing more comes.
func silent(t *testing.T, j chat.Joined) {
	t.Helper()
	limit := time.NewTimer(50 * time.Millisecond)
	defer limit.Stop()
	select {
	case p := <-j.Rest:
		t.Errorf("one too many: %+v", p)
	case <-limit.C:
	}
}
