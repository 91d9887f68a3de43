package chat

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// docs/protocol.md is what other clients are written from: every word and
// number this package sends or enforces must be in it.
func TestProtocolDocument(t *testing.T) {
	doc, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for do := range speech {
		want = append(want, "| `"+do+"` |")
	}
	for do := range moderation {
		want = append(want, "`"+do+"`")
	}
	for kind := range reactions {
		want = append(want, "`"+kind+"`")
	}
	for _, code := range refusalCodes(t) {
		want = append(want, "`"+code+"`")
	}
	for _, typ := range []string{"message", "question", "deleted", "notice", "viewers", "slow", "reactions", "reply", "timeout",
		"rules", "pinned_notice", "settings", "answered", "dismissed", "private", "you", "held", "reviewed", "banned", "cleared", "gap"} {
		want = append(want, "`"+typ+"`")
	}
	for _, code := range []int{CloseSlow, CloseRestart, CloseBanned, CloseBadToken, CloseNoChannel, CloseAbuse} {
		want = append(want, fmt.Sprintf("| %d |", code))
	}
	want = append(want,
		fmt.Sprintf("1 to %d characters", maxText),
		fmt.Sprintf("`seconds` (1 to %d)", maxMute/time.Second),
		fmt.Sprintf("`seconds` (0 to %d)", maxSlow/time.Second),
		fmt.Sprintf("last %d events", historyLen),
		fmt.Sprintf("`seconds` (0 to %d;", maxBan/time.Second),
		fmt.Sprintf("up to %d characters, is for the moderators", maxNote),
		fmt.Sprintf("%d s apart, and links are held", calmSlow/time.Second),
		fmt.Sprintf("who are not known %d at once and then %d per second", networkBurst, time.Second/networkEvery),
		fmt.Sprintf("fewer than %d characters do not count (%d for", sameMinPerson, sameMinAll),
		fmt.Sprintf("up to %d host names", maxSites),
		fmt.Sprintf("waits %d minutes at most; %d of one person and %d in all", heldLasts/time.Minute, maxPersonHeld, maxHeld),
		fmt.Sprintf("the network, for %d minutes", networkHold/time.Minute),
		fmt.Sprintf("with %d or more people in the room it lasts %d minutes", crowdedFrom, crowdHold/time.Minute),
		fmt.Sprintf("`seconds` (0 to %d)", maxRaid/time.Second),
		fmt.Sprintf("%d messages at once and then %d per second", roomBurst, time.Second/roomEvery),
		fmt.Sprintf("at least %d minutes ago", knownAfter/time.Minute),
		fmt.Sprintf("up to %d entries", maxWords),
		fmt.Sprintf("%d guests who were never here before and come within %d s", raidGuests, raidWindow/time.Second),
		fmt.Sprintf("for %d minutes only known people may write, %d s apart", raidLasts/time.Minute, raidSlow/time.Second),
		fmt.Sprintf("by itself for %d minutes", raidPeace/time.Minute),
		fmt.Sprintf("after %d hours), or until %d newer ones wait", letterLasts/time.Hour, maxPersonLetters),
		fmt.Sprintf("for %d minutes after they left", traceKept/time.Minute),
		fmt.Sprintf("more than %d numbered events behind", ringLen),
		fmt.Sprintf("at most %d KiB", maxFrame>>10),
		fmt.Sprintf("%d frames that are no commands", maxStrikes),
		fmt.Sprintf("more than %d sockets", maxPersonSockets),
		fmt.Sprintf("pings every %d s", pingEvery/time.Second),
		fmt.Sprintf("silent for %d s", silenceLimit/time.Second),
		fmt.Sprintf("%d at once and then one every %d s", sayBurst, sayEvery/time.Second),
		fmt.Sprintf("%d at once and then %d per second", hitBurst, time.Second/hitEvery),
		fmt.Sprintf("at most every %d s", viewersEvery/time.Second),
		fmt.Sprintf("after %d s without", quietLimit/time.Second),
		fmt.Sprintf("more than %d s old. You still get the last %d messages", thinAfter/time.Second, thinKept),
		fmt.Sprintf("%d to %d ms", tickMin.Milliseconds(), tickMax.Milliseconds()),
	)
	text := strings.ToLower(strings.Join(strings.Fields(string(doc)), " "))
	for _, w := range want {
		if !strings.Contains(text, strings.ToLower(w)) {
			t.Errorf("docs/protocol.md does not say %q", w)
		}
	}
}

// refusalCodes are the first arguments of all calls of refuse in this package,
// and what badRequest gives.
func refusalCodes(t *testing.T) []string {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "refuse" {
				code, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Error(err)
				}
				codes = append(codes, code)
			}
			return true
		})
	}
	if len(codes) < 10 {
		t.Errorf("only %d codes found in the source", len(codes))
	}
	return codes
}
