package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// module is the prefix of our own import paths.
const module = "souk/"

// ours says what each package may import of ours, and why not more. Packages
// below another one (ingest/guard) count as their parent unless listed.
var ours = map[string]struct {
	may []string
	why string
}{
	"hls":           {nil, "video plays when the till is broken"},
	"ingest":        {[]string{"hls"}, "an encoder is a key, not a person"},
	"chat":          {[]string{"internal"}, "a room carries cards, it does not know prices"},
	"chat/client":   {nil, "what it and the rooms agree on is in the document"},
	"shop":          {[]string{"internal"}, "sales close when chat or video is down"},
	"shop/stripe":   {[]string{"shop", "internal"}, "it knows the provider and the shop's port, nothing else"},
	"shop/sandbox":  {[]string{"shop", "shop/stripe", "internal"}, "it stands where the provider stands"},
	"shop/shoptest": {[]string{"shop", "shop/stripe", "shop/sandbox", "internal"}, "a suite for the shop's ports"},
	"show":          {[]string{"internal"}, "it answers questions, it calls nobody"},
	"account":       {[]string{"internal"}, "it answers questions, it calls nobody"},
	"web":           {nil, "pages talk to the API like any client"},
	"internal":      {nil, "it knows no domain words"},
}

// foreign says which outside packages appear in one place only, and why.
var foreign = map[string]struct {
	only []string
	why  string
}{
	"github.com/stripe/stripe-go":          {[]string{"shop/stripe"}, "the provider's types stay at the edge"},
	"github.com/wneessen/go-mail":          {[]string{"shop/mail"}, "the shop knows what to say, not how a mail looks"},
	"github.com/go-webauthn/webauthn":      {[]string{"account"}, "who somebody is is asked in one place"},
	"github.com/yutopp/go-rtmp":            {[]string{"ingest"}, "RTMP ends at the ingest"},
	"github.com/bluenviron/gohlslib":       {[]string{"hls"}, "the muxer is one way to cut segments"},
	"github.com/gorilla/websocket":         {[]string{"chat"}, "rooms own their sockets"},
	"github.com/redis/go-redis":            {[]string{"chat/redisbus"}, "the bus between nodes is a port"},
	"github.com/pressly/goose":             {[]string{"internal/db"}, "one way to migrate"},
	"github.com/jackc/pgx":                 {[]string{"internal/db"}, "packages speak database/sql"},
	"modernc.org/sqlite":                   {[]string{"internal/db"}, "packages speak database/sql"},
	"github.com/prometheus/client_golang":  {[]string{"cmd/souk"}, "packages count, the program exports"},
	"github.com/oschwald/maxminddb-golang": {[]string{"cmd/souk"}, "the shop asks where somebody is, not how one knows"},
}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// room is the entry of rules that p falls under: itself or its nearest parent.
func room(p string) string {
	for ; p != ""; p = p[:max(0, strings.LastIndex(p, "/"))] {
		if _, ok := ours[p]; ok {
			return p
		}
	}
	return ""
}

func TestImports(t *testing.T) {
	all := packages(t)
	if len(all) < 8 {
		t.Fatalf("only %d packages listed", len(all))
	}
	for _, p := range all {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			if to, own := strings.CutPrefix(imp, module); own {
				if strings.HasPrefix(from, "cmd/") {
					continue
				}
				if why, ok := allowed(from, to); !ok {
					t.Errorf("%s imports %s, but %s", from, to, why)
				}
				continue
			}
			if why, ok := placed(from, imp); !ok {
				t.Errorf("%s imports %s, but %s", from, imp, why)
			}
		}
	}
}

func allowed(from, to string) (why string, ok bool) {
	if strings.HasPrefix(to, "cmd/") {
		return "nobody imports the program", false
	}
	here := room(from)
	if here == "" {
		return "this package has no rule: add one with its reason", false
	}
	there := room(to)
	if there == here {
		return "", true
	}
	for _, may := range ours[here].may {
		if may == there {
			return "", true
		}
	}
	return ours[here].why, false
}

func placed(from, imp string) (why string, ok bool) {
	for prefix, rule := range foreign {
		if imp != prefix && !strings.HasPrefix(imp, prefix+"/") {
			continue
		}
		for _, only := range rule.only {
			if from == only || strings.HasPrefix(from, only+"/") {
				return "", true
			}
		}
		return rule.why, false
	}
	return "", true
}

// The rules themselves can fail.
func TestImportRulesCatch(t *testing.T) {
	for _, bad := range [][2]string{{"chat", "shop"}, {"shop", "hls"}, {"hls", "internal/api"}, {"ingest", "account"}, {"shop", "shop/stripe"}, {"show", "cmd/souk"}, {"web", "internal/api"}, {"newroom", "shop"}} {
		if _, ok := allowed(bad[0], bad[1]); ok {
			t.Errorf("%s may import %s", bad[0], bad[1])
		}
	}
	for _, bad := range [][2]string{{"shop", "github.com/stripe/stripe-go/v76"}, {"chat", "github.com/redis/go-redis/v9"}, {"show", "modernc.org/sqlite"}} {
		if _, ok := placed(bad[0], bad[1]); ok {
			t.Errorf("%s may import %s", bad[0], bad[1])
		}
	}
}
