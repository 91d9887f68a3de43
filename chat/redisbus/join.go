package redisbus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"souk/chat"
)

// line is a channel that this node follows. Bus.mu guards it.
type line struct {
	epoch   string   // "": not known yet, see early
	next    int64    // the offset that comes next
	claimed int64    // where the line stood at the last count
	early   []sealed // came before the epoch was known
	rest    chan chat.Parcel
}

// sealed is a parcel with its epoch.
type sealed struct {
	epoch string
	chat.Parcel
}

// Join implements [chat.Bus].
func (b *Bus) Join(ctx context.Context, channel string, from chat.Place, seed int64) (chat.Joined, error) {
	select {
	case <-b.first:
	case <-ctx.Done():
		return chat.Joined{}, errDown
	}
	l, err := b.subscribe(ctx, channel)
	if err != nil {
		return chat.Joined{}, err
	}
	j, err := b.ask(ctx, channel, from, seed)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && b.lines[channel] != l {
		err = errDown // cut off meanwhile
	}
	if err != nil {
		if b.lines[channel] == l {
			b.cut(channel)
		}
		return chat.Joined{}, err
	}
	l.epoch, l.next = j.Epoch, j.offset+1
	early := l.early
	l.early = nil
	for _, p := range early {
		b.take(channel, l, p)
	}
	j.Rest = l.rest
	return j.Joined, nil
}

// subscribe begins to hear a channel and waits for Redis to confirm it.
func (b *Bus) subscribe(ctx context.Context, channel string) (*line, error) {
	b.mu.Lock()
	hear := b.hear
	if !b.up {
		b.mu.Unlock()
		return nil, errDown
	}
	b.cut(channel)
	l := &line{rest: make(chan chat.Parcel, feedLen)}
	b.lines[channel] = l
	s := b.subs[channel]
	if s == nil {
		s = &subscriptions{}
		b.subs[channel] = s
	}
	s.asked++
	s.done = make(chan struct{})
	confirmed := s.done
	b.mu.Unlock()
	if err := hear.Subscribe(ctx, b.topic(channel)); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	select {
	case <-confirmed:
		return l, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type standing struct {
	chat.Joined
	offset int64
}

// ask reads where the line stands.
func (b *Bus) ask(ctx context.Context, channel string, from chat.Place, seed int64) (s standing, err error) {
	answer, err := join.Run(ctx, b.client, []string{key(channel, "line"), key(channel, "parcels"), prefix + "run"},
		chat.NewEpoch(), seed, skipNumbers, lineLife.Milliseconds(), from.Epoch, from.Offset, b.run.Load()).Slice()
	if err != nil {
		return s, fmt.Errorf("join: %w", err)
	}
	if len(answer) != 4 {
		return s, errors.New("join: not an answer of ours")
	}
	s.Epoch, _ = answer[0].(string)
	last, _ := answer[1].(string)
	offset, _ := answer[2].(string)
	parcels, _ := answer[3].([]any)
	s.Last, err = strconv.ParseInt(last, 10, 64)
	if err == nil {
		s.offset, err = strconv.ParseInt(offset, 10, 64)
	}
	for _, one := range parcels {
		text, _ := one.(string)
		p, e := open(text)
		if e != nil || p.epoch != s.Epoch {
			return s, errors.New("join: not a parcel of this line")
		}
		s.Parcels = append(s.Parcels, p.Parcel)
	}
	s.Parcels = unbroken(s.Parcels, s.offset)
	s.Whole = from.Epoch == s.Epoch && from.Offset+int64(len(s.Parcels)) == s.offset
	return s, err
}

// unbroken returns the parcels at the end that lead up to offset without a gap.
func unbroken(all []chat.Parcel, offset int64) []chat.Parcel {
	i := len(all)
	for ; i > 0 && all[i-1].Offset == offset; i-- {
		offset--
	}
	return all[i:]
}

// open reads what the script publish wrote.
func open(text string) (p sealed, err error) {
	head := strings.SplitN(text, " ", 7)
	if len(head) != 7 {
		return p, errors.New("not a parcel")
	}
	p.epoch, p.Node, p.Data = head[0], head[4], []byte(head[6])
	for i, to := range map[int]*int64{1: &p.Offset, 2: &p.First, 5: &p.Serial} {
		if *to, err = strconv.ParseInt(head[i], 10, 64); err != nil {
			return p, err
		}
	}
	p.Numbers, err = strconv.Atoi(head[3])
	return p, err
}

// Leave implements [chat.Bus].
func (b *Bus) Leave(channel string) {
	b.mu.Lock()
	hear, had := b.hear, b.lines[channel] != nil
	b.cut(channel)
	b.mu.Unlock()
	if hear != nil && had {
		ctx, cancel := context.WithTimeout(context.Background(), dialWait)
		defer cancel()
		_ = hear.Unsubscribe(ctx, b.topic(channel)) // else the connection is broken, which ends it too
	}
}

// cut ends a join: it must be proved anew that nothing is missing. It needs mu.
func (b *Bus) cut(channel string) {
	if l := b.lines[channel]; l != nil {
		delete(b.lines, channel)
		close(l.rest)
	}
}

// confirmed takes note that Redis has heard a subscription.
func (b *Bus) confirmed(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.subs[b.channel(topic)]; s != nil {
		if s.ready++; s.ready == s.asked {
			close(s.done)
		}
	}
}

func (b *Bus) channel(topic string) string {
	return strings.TrimSuffix(strings.TrimPrefix(topic, strings.TrimSuffix(b.topic(""), "}")), "}")
}

// heard takes what Pub/Sub brings.
func (b *Bus) heard(topic, text string) {
	p, err := open(text)
	if err != nil {
		b.log.Error("redis brought what is no parcel", "err", err)
		return
	}
	channel := b.channel(topic)
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lines[channel]; l != nil {
		b.take(channel, l, p)
	}
}

// take hands a parcel on if it is the next. It needs mu.
func (b *Bus) take(channel string, l *line, p sealed) {
	switch {
	case l.epoch == "" && len(l.early) < feedLen:
		l.early = append(l.early, p)
	case p.epoch == l.epoch && p.Offset < l.next: // known from the stream
	case p.epoch != l.epoch || p.Offset > l.next || len(l.rest) == cap(l.rest):
		b.cut(channel)
	default:
		l.next++
		l.rest <- p.Parcel
	}
}

// Publish implements [chat.Bus].
func (b *Bus) Publish(ctx context.Context, channel, epoch string, p chat.Parcel) error {
	offset, err := publish.Run(ctx, b.client, []string{key(channel, "line"), key(channel, "parcels"), prefix + "run"},
		epoch, p.Node, p.Serial, p.Numbers, p.Data, keepParcels, lineLife.Milliseconds(), b.topic(channel)).Int64()
	switch {
	case err != nil:
		return fmt.Errorf("publish: %w", err)
	case offset < 0:
		return chat.ErrNewEpoch
	case offset > 0:
		time.AfterFunc(lostAfter, func() { b.check(channel, epoch, offset) })
	}
	return nil
}

// check cuts off a follower who has not been brought what was published.
func (b *Bus) check(channel, epoch string, offset int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lines[channel]; l != nil && l.epoch == epoch && l.next <= offset {
		b.cut(channel)
	}
}

// Count implements [chat.Bus].
func (b *Bus) Count(ctx context.Context, channel string, who chat.Attendance) (n int, err error) {
	here, gone := who.Here, who.Gone
	for more := true; more; more = len(here)+len(gone) > 0 {
		args := []any{presentFor.Milliseconds(), lineLife.Milliseconds(), min(len(gone), countChunk)}
		for take := min(len(gone), countChunk); take > 0; take-- {
			args, gone = append(args, gone[0]), gone[1:]
		}
		for take := min(len(here), countChunk); take > 0; take-- {
			args, here = append(args, here[0]), here[1:]
		}
		if n, err = b.countSome(ctx, channel, args); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (b *Bus) countSome(ctx context.Context, channel string, args []any) (int, error) {
	answer, err := count.Run(ctx, b.client,
		[]string{key(channel, "present"), key(channel, "line"), key(channel, "parcels"), prefix + "run"}, args...).Slice()
	if err != nil || len(answer) != 3 {
		return 0, fmt.Errorf("count: %w", errors.Join(err, errDown))
	}
	n, _ := answer[0].(int64)
	epoch, _ := answer[1].(string)
	text, _ := answer[2].(string)
	offset, _ := strconv.ParseInt(text, 10, 64)
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[channel]
	if epoch == "" || l != nil && l.epoch != "" && l.epoch != epoch {
		return 0, chat.ErrNewEpoch
	}
	if l != nil && l.epoch == epoch {
		if l.next <= l.claimed { // of a whole count ago
			b.cut(channel)
		} else {
			l.claimed = offset
		}
	}
	return int(n), nil
}
