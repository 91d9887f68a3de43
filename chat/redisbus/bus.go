package redisbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"souk/chat"
)

// Limits and times.
const (
	keepParcels = 1024             // of a channel, for those who join; about that many
	feedLen     = 1024             // parcels that wait for a follower before it is cut off
	skipNumbers = 10_000           // left out when a line begins: more than a node has ever not stored
	lineLife    = 24 * time.Hour   // of a channel in which nothing happens
	presentFor  = 10 * time.Second // how long somebody counts who is not noted again
	countChunk  = 2000             // people in one call
	lostAfter   = 500 * time.Millisecond
	probeEvery  = 3 * time.Second // of silence
	dialWait    = 500 * time.Millisecond
	reopenMin   = 50 * time.Millisecond
	reopenMax   = time.Second
)

const prefix = "souk:"

// Bus is a [chat.Bus]. Open makes one; its methods are safe from any goroutine.
type Bus struct {
	client *redis.Client
	db     int
	log    *slog.Logger

	run atomic.Value // string: the Redis process that was connected to last

	mu    sync.Mutex // guards what follows
	hear  *redis.PubSub
	up    bool
	lines map[string]*line // by channel
	subs  map[string]*subscriptions

	first chan struct{} // closed when Redis was heard for the first time
	once  sync.Once
}

var errDown = errors.New("redis is away")

// Open reads a redis:// or rediss:// address. It does not connect: Run does.
// The error never holds the address, which may hold a password.
func Open(address string, log *slog.Logger) (*Bus, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return nil, errors.New("want redis://[user:password@]host:port[/db], rediss:// for TLS, or unix:///path")
	}
	redis.SetLogger(silent{}) // what matters comes back as an error
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1 // the rooms repeat what matters
	options.DialerRetries = 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = dialWait, dialWait, dialWait
	options.Protocol, options.DisableIdentity = 2, true // nothing of RESP3 is used
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	b := &Bus{db: options.DB, log: log, lines: map[string]*line{}, subs: map[string]*subscriptions{}, first: make(chan struct{})}
	b.run.Store("")
	options.OnConnect = func(ctx context.Context, c *redis.Conn) error {
		info, err := c.Info(ctx, "server").Result()
		if err != nil {
			return err
		}
		run := field(info, "run_id")
		b.run.Store(run)
		return noteRun.Eval(ctx, c, []string{prefix + "run"}, run).Err()
	}
	b.client = redis.NewClient(options)
	return b, nil
}

// subscriptions of a channel on the connection that is heard.
type subscriptions struct {
	asked, ready int
	done         chan struct{} // closed when all are confirmed
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// field returns a value of what INFO says.
func field(info, name string) string {
	for l := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(l, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// Up tells whether Redis is heard.
func (b *Bus) Up() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.up
}

// Run receives until ctx ends, and then closes the connections.
func (b *Bus) Run(ctx context.Context) error {
	defer b.client.Close()
	wait := reopenMin
	for away := false; ctx.Err() == nil; {
		heard, err := b.receive(ctx)
		b.cutAll()
		if ctx.Err() != nil {
			break
		}
		if heard {
			away, wait = false, reopenMin
		}
		if !away {
			b.log.Error("redis is away; rooms go on, each node for itself", "err", err)
			away = true
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
		wait = min(2*wait, reopenMax)
	}
	return context.Cause(ctx)
}

// receive hands out what Redis says until the connection fails.
func (b *Bus) receive(ctx context.Context) (heard bool, err error) {
	hear := b.client.Subscribe(ctx, b.topic("")) // nothing comes there: it proves that Redis answers
	defer hear.Close()
	defer context.AfterFunc(ctx, func() { _ = hear.Close() })()
	silence := 0
	for {
		m, err := hear.ReceiveTimeout(ctx, probeEvery)
		var timeout interface{ Timeout() bool }
		if errors.As(err, &timeout) && timeout.Timeout() && heard && silence == 0 {
			silence++
			if err := hear.Ping(ctx); err != nil {
				return heard, err
			}
			continue
		}
		if err != nil {
			return heard, err
		}
		silence = 0
		switch m := m.(type) {
		case *redis.Subscription:
			if !heard {
				heard = true
				b.open(hear)
			} else if m.Kind == "subscribe" {
				b.confirmed(m.Channel)
			}
		case *redis.Message:
			b.heard(m.Channel, m.Payload)
		}
	}
}

func (b *Bus) open(hear *redis.PubSub) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hear, b.up = hear, true
	b.once.Do(func() { close(b.first) })
	b.log.Info("redis is heard: rooms are joined")
}

// cutAll ends all joins: what was said meanwhile is in the streams.
func (b *Bus) cutAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hear, b.up = nil, false
	clear(b.subs)
	for channel := range b.lines {
		b.cut(channel)
	}
}

// The keys of a channel. The braces keep them together.
func key(channel, what string) string { return prefix + "{" + channel + "}:" + what }

// topic is the Pub/Sub channel; those are the same in all databases of a Redis.
func (b *Bus) topic(channel string) string { return fmt.Sprintf("%s%d:{%s}", prefix, b.db, channel) }

var _ chat.Bus = (*Bus)(nil)
