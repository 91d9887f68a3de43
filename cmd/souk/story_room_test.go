package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"souk/chat/client"
)

// roomMain is the program `room`: CHANNEL [as TOKEN] say TEXT | history. It
// prints the events it saw, one JSON object a line, and exits 0 once what it
// came for has happened: its own message came back, or the welcome arrived.
func roomMain(args []string) int {
	dial := client.Dial{URL: "ws" + strings.TrimPrefix(os.Getenv("HTTP"), "http") + "/ws/" + args[0]}
	if args = args[1:]; args[0] == "as" {
		dial.Token, args = args[1], args[2:]
	}
	if err := visit(dial, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func visit(dial client.Dial, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := client.Connect(ctx, dial)
	if err != nil {
		return err
	}
	defer c.Close()
	said := ""
	if args[0] == "say" {
		reply, err := c.Say(ctx, args[1])
		if err != nil {
			return err
		}
		if !reply.OK {
			return fmt.Errorf("%s: %s", reply.Code, reply.Detail)
		}
		said = reply.Message
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-c.Events():
			if !ok {
				return c.Err()
			}
			line, err := json.Marshal(e)
			if err != nil {
				return err
			}
			fmt.Println(string(line))
			if said == "" && e.Type == "welcome" || said != "" && e.Type == "message" && strings.Contains(string(e.Data), said) {
				return nil
			}
		}
	}
}
