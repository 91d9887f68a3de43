// Command centrifuge is a room on the centrifuge library, for roomload to
// compare with. It lives in a module of its own, so that souk needs none of what it needs.
//
// Viewers are subscribed as they connect, and whoever connects may publish: the
// least that a room can ask of the library. The engine is in memory, the
// protocol JSON, all else as it comes, but for what the flags say.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	room := flag.String("channel", "tea", "the room")
	history := flag.Int("history", 0, "messages kept for those who come back; 0: nobody can")
	delay := flag.Duration("write-delay", 0, "how long messages of a connection are collected for one write")
	perFrame := flag.Int("per-frame", 0, "messages in one frame at most; 0: as it comes")
	flag.Parse()
	if err := run(*listen, *room, *history, *delay, *perFrame); err != nil {
		log.Fatal(err)
	}
}

func run(listen, room string, history int, delay time.Duration, perFrame int) error {
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelError, LogHandler: func(e centrifuge.LogEntry) { log.Println(e.Message, e.Fields) }})
	if err != nil {
		return err
	}
	recovers := history > 0
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials: &centrifuge.Credentials{}, WriteDelay: delay, MaxMessagesInFrame: perFrame,
			Subscriptions: map[string]centrifuge.SubscribeOptions{room: {EnableRecovery: recovers, EnablePositioning: recovers}},
		}, nil
	})
	node.OnConnect(func(c *centrifuge.Client) {
		c.OnPublish(func(e centrifuge.PublishEvent, answer centrifuge.PublishCallback) {
			if e.Channel != room {
				answer(centrifuge.PublishReply{}, centrifuge.ErrorPermissionDenied)
				return
			}
			var kept []centrifuge.PublishOption
			if recovers {
				kept = append(kept, centrifuge.WithHistory(history, 15*time.Minute))
			}
			result, err := node.Publish(e.Channel, e.Data, kept...)
			answer(centrifuge.PublishReply{Result: &result}, err)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String())
	err = http.Serve(ln, route(node))
	return errors.Join(err, node.Shutdown(context.Background()))
}

func route(node *centrifuge.Node) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /connection", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{
		CheckOrigin: func(*http.Request) bool { return true },
	}))
	return mux
}
