package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
)

// View names a kind of page. The browser gets it in its boot data.
type View string

// The pages that exist.
const (
	Home     View = "home"
	Live     View = "live"
	Studio   View = "studio"
	Dock     View = "dock"
	Merchant View = "merchant"
	Order    View = "order"
	Overlay  View = "overlay"
	Embed    View = "embed"
	Replay   View = "replay"
	Wallet   View = "wallet"
	Account  View = "account"
	Enter    View = "enter"
	Numbers  View = "numbers"
)

// entries are the Vite entry points, and preloads the module a page will need right after its first paint.
var (
	entries = map[View]string{
		Home:     "src/pages/home.ts",
		Live:     "src/pages/live.ts",
		Studio:   "src/pages/studio.ts",
		Dock:     "src/pages/dock.ts",
		Merchant: "src/pages/merchant.ts",
		Order:    "src/pages/order.ts",
		Overlay:  "src/pages/overlay.ts",
		Embed:    "src/pages/embed.ts",
		Replay:   "src/pages/replay.ts",
		Wallet:   "src/pages/wallet.ts",
		Account:  "src/pages/account.ts",
		Enter:    "src/pages/enter.ts",
		Numbers:  "src/pages/numbers.ts",
	}
	preloads = map[View]string{Live: "src/lib/player.ts", Embed: "src/lib/player.ts", Replay: "src/replay/picture.ts"}
)

// First is what a page knows before its first request.
type First struct {
	Title string // of the document, without the product's name; empty: the product's name alone
	Data  any    // encoded as JSON into the page; by convention the API's answer to what the page would ask first
	Share *Share // what other sites show of a link to the page; nil: the title
}

// Share is what a link to a page looks like elsewhere (Open Graph, oEmbed). All addresses are whole.
type Share struct {
	URL         string // of the page itself
	Description string
	Image       string
	Player      string // a page that plays in a frame
	OEmbed      string // where a machine learns all this
}

// Config is what the pages need from the program.
type Config struct {
	// Boot answers for one request of one page; id is the channel, show or order in its URL, empty for the others.
	// found=false makes it a 404 page. An error is logged and shown as a page that offers to try again.
	// Optional: nil means that every page exists and starts without data.
	Boot func(r *http.Request, view View, id string) (first First, found bool, err error)

	// Sandbox says that no money moves: payment pages then need no provider's scripts, and their policy allows none.
	Sandbox bool

	// EmbedSites may show channels in a frame: origins such as https://shop.example, or * for any. None: nobody may.
	EmbedSites []string

	// Dist replaces the embedded build, for instance by os.DirFS("web/dist") while working on the pages.
	Dist fs.FS

	Log *slog.Logger
}

// Pages serves the documents and their assets.
type Pages struct {
	cfg    Config
	bundle *bundle // nil: nothing was built
	files  map[string]*asset
	layout *template.Template
	texts  *texts
}

// New reads the build. A missing build is no error, an incomplete one is.
func New(cfg Config) (*Pages, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dist == nil {
		cfg.Dist = dist()
	}
	layout, err := template.ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: templates: %w", err)
	}
	bundle, err := readBundle(cfg.Dist)
	if err != nil {
		return nil, fmt.Errorf("web: manifest: %w", err)
	}
	files, err := readAssets(cfg.Dist)
	if err != nil {
		return nil, fmt.Errorf("web: assets: %w", err)
	}
	if bundle == nil {
		cfg.Log.Warn("the pages are not built; run make build, or npm ci && npm run build in web")
	}
	texts, err := readTexts()
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return &Pages{cfg: cfg, bundle: bundle, files: files, layout: layout, texts: texts}, nil
}

// Built reports whether there is a build to show.
func (p *Pages) Built() bool { return p.bundle != nil }

// Home is "GET /{$}": the channels.
func (p *Pages) Home(w http.ResponseWriter, r *http.Request) { p.page(w, r, Home, "") }

// Live is "GET /live/{channel}": watch, talk and buy.
func (p *Pages) Live(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, Live, r.PathValue("channel"))
}

// Studio is "GET /studio": the host's console.
func (p *Pages) Studio(w http.ResponseWriter, r *http.Request) { p.page(w, r, Studio, "") }

// Dock is "GET /dock/{channel}": the console of one channel, narrow, inside the host's streaming program.
func (p *Pages) Dock(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, Dock, r.PathValue("channel"))
}

// Merchant is "GET /merchant": orders and products.
func (p *Pages) Merchant(w http.ResponseWriter, r *http.Request) { p.page(w, r, Merchant, "") }

// Order is "GET /orders/{order}": the buyer's status page.
func (p *Pages) Order(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, Order, r.PathValue("order"))
}

// Overlay is "GET /overlay/{channel}": the card on air on a transparent page, for the host's own picture.
func (p *Pages) Overlay(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, Overlay, r.PathValue("channel"))
}

// Embed is "GET /embed/{channel}": the live page inside a frame of another site.
func (p *Pages) Embed(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, Embed, r.PathValue("channel"))
}

// Replay is "GET /replay/{show}": a show that has ended, to watch again and buy from.
func (p *Pages) Replay(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, Replay, r.PathValue("show"))
}

// Wallet is "GET /wallet": what a buyer has bought, and what is kept of them.
func (p *Pages) Wallet(w http.ResponseWriter, r *http.Request) { p.page(w, r, Wallet, "") }

// Account is "GET /account": how somebody signs in, where they are signed in, and who works on their channels.
func (p *Pages) Account(w http.ResponseWriter, r *http.Request) { p.page(w, r, Account, "") }

// Numbers is "GET /studio/shows/{show}": what became of a show, for those who run its channel.
func (p *Pages) Numbers(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, Numbers, r.PathValue("show"))
}

// Enter is "GET /enter": what a link of a mail leads to, or the one that sets up a server. The token is in the fragment.
func (p *Pages) Enter(w http.ResponseWriter, r *http.Request) { p.page(w, r, Enter, "") }

// NotFound is the page for every other path, with status 404.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) {
	p.message(w, r, http.StatusNotFound, "page.missing")
}

// broken is the page for an error that is only logged.
func (p *Pages) broken(w http.ResponseWriter, r *http.Request) {
	p.message(w, r, http.StatusInternalServerError, "page.broken")
}

func (p *Pages) page(w http.ResponseWriter, r *http.Request, view View, id string) {
	if p.bundle == nil {
		p.unbuilt(w, r)
		return
	}
	first, found := First{}, true
	if p.cfg.Boot != nil {
		var err error
		if first, found, err = p.cfg.Boot(r, view, id); err != nil {
			p.cfg.Log.Error("page has no boot data", "view", view, "error", err)
			p.broken(w, r)
			return
		}
	}
	if !found {
		p.NotFound(w, r)
		return
	}
	data, err := json.Marshal(boot{View: view, ID: id, Sandbox: p.cfg.Sandbox, Data: first.Data})
	if err != nil {
		p.cfg.Log.Error("boot data cannot be encoded", "view", view, "error", err)
		p.broken(w, r)
		return
	}
	p.render(w, r, http.StatusOK, "page.html", document{
		First:  first,
		View:   view,
		Load:   p.bundle.load(view),
		Boot:   template.JS(data), // json.Marshal escapes <, > and &, so it cannot end its element
		policy: pagePolicy(view, p.cfg.Sandbox, p.cfg.EmbedSites),
	})
}

// document is what a template is rendered from.
type document struct {
	First
	View     View
	Load     load        // what the page's head refers to
	Boot     template.JS // a boot, encoded
	Lang     string      // and Dir: of what the page says
	Dir      string      // …
	Texts    template.JS // the catalogue of the page in that language
	Say      func(key string) string
	Headline string // of a message page
	Sentence string
	Steps    []string // commands, on the page that says how to build

	policy  string
	message string // key of the headline, on a message page
}

// speak chooses the language of a document.
func (p *Pages) speak(w http.ResponseWriter, r *http.Request, d *document) {
	tag, asked := p.texts.choose(r)
	if asked && d.View != Overlay { // a scene of one channel's host, not a person's wish
		keepLanguage(w, tag)
	}
	plain := p.texts.plain[tag]
	d.Lang, d.Dir, d.Texts = tag, directionOf(tag), p.texts.pages[tag][d.View]
	d.Say = func(key string) string { return plain[key] }
	if d.Headline == "" && d.message != "" {
		d.Headline, d.Sentence = plain[d.message], plain[d.message+"_hint"]
		d.Title = d.Headline
	}
}

// boot is the page's first <script type="application/json">; src/lib/boot.ts reads it.
type boot struct {
	View    View   `json:"view"`
	ID      string `json:"id,omitempty"`
	Sandbox bool   `json:"sandbox"`
	Data    any    `json:"data"`
}

// Layers is the one inline style: it fixes the order of the cascade before any stylesheet arrives in any order.
func (document) Layers() template.CSS { return layers }

func (p *Pages) message(w http.ResponseWriter, r *http.Request, status int, key string) {
	d := document{message: key, policy: messagePolicy}
	if p.bundle != nil {
		d.Load = load{Styles: p.bundle.load(Home).Styles}
	}
	p.render(w, r, status, "message.html", d)
}

func (p *Pages) unbuilt(w http.ResponseWriter, r *http.Request) {
	p.render(w, r, http.StatusServiceUnavailable, "message.html", document{
		First:    First{Title: "The pages are not built"},
		Headline: "The pages are not built yet",
		Sentence: "This souk was compiled without its browser side. The API, the video and the rooms work; to get the pages, build them and compile again:",
		Steps:    []string{"make build"},
		policy:   messagePolicy,
	})
}

// render writes a whole document or, when the template fails, nothing of it.
func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, name string, d document) {
	p.speak(w, r, &d)
	var body bytes.Buffer
	if err := p.layout.ExecuteTemplate(&body, name, d); err != nil {
		p.cfg.Log.Error("page cannot be rendered", "template", name, "error", err)
		http.Error(w, "Something went wrong on our side.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	secure(h, d.policy)
	if d.View == Embed {
		h.Del("X-Frame-Options") // it knows no list of sites; frame-ancestors does
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Language, Cookie")
	h.Set("Cache-Control", "no-store") // boot data may be personal and is out of date at once
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // the reader may have left
	}
}
