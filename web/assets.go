package web

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

const (
	cacheForever = "public, max-age=31536000, immutable" // the name is the hash of the content
	cacheShort   = "public, max-age=3600"
)

// embedScript is what other sites put into their pages.
const embedScript = "embed.js"

// encodings the build may have prepared, best first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// asset is one file with its prepared encodings.
type asset struct {
	mime   string
	cache  string
	etag   string            // of the plain content; every encoding appends its name
	shared bool              // other sites load it as a module
	body   map[string][]byte // by encoding name; "" is plain
}

// readAssets takes the whole build into memory: about a megabyte, and no request ever touches a file system or a compressor.
func readAssets(dist fs.FS) (map[string]*asset, error) {
	files := make(map[string]*asset)
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || private(name) {
			return err
		}
		plain, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(plain)
		a := &asset{mime: mimeOf(name), cache: cacheShort, etag: hex.EncodeToString(sum[:8]), body: map[string][]byte{"": plain}}
		if strings.HasPrefix(name, "assets/") {
			a.cache = cacheForever
		}
		a.shared = name == embedScript
		for _, e := range encodings {
			if b, err := fs.ReadFile(dist, name+e.suffix); err == nil {
				a.body[e.name] = b
			}
		}
		files[name] = a
		return nil
	})
	return files, err
}

// private says which files of the build are not for the public: notes to the server, and encodings of other files.
func private(name string) bool {
	return name == "manifest.json" || name == "placeholder.txt" ||
		strings.HasPrefix(name, "manifest.json.") || strings.HasSuffix(name, ".br") || strings.HasSuffix(name, ".gz")
}

func mimeOf(name string) string {
	switch path.Ext(name) {
	case ".js": // the system's table may call it anything
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// Assets serves the build's files. Mount it at "GET /_/"; a file that browsers ask for at the root, such as
// "GET /favicon.svg", may be mounted there too.
func (p *Pages) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := p.files[strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, prefix), "/")]
		if !ok {
			http.Error(w, "There is no such file.", http.StatusNotFound)
			return
		}
		a.serve(w, r)
	})
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	encoding := a.choose(r.Header.Get("Accept-Encoding"))
	body := a.body[encoding]
	etag := `"` + a.etag
	h := w.Header()
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
		etag += "-" + encoding
	}
	etag += `"`
	h.Set("Content-Type", a.mime)
	h.Set("Cache-Control", a.cache)
	h.Set("X-Content-Type-Options", "nosniff")
	if a.shared {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	h.Set("ETag", etag)
	if len(a.body) > 1 {
		h.Set("Vary", "Accept-Encoding")
	}
	if matches(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader may have left
	}
}

// choose picks the best prepared encoding that the header accepts (RFC 9110 §12.5.3); a weight of zero forbids one.
func (a *asset) choose(accept string) string {
	accepted := make(map[string]bool)
	for item := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(item, ";")
		q, found := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		value, err := strconv.ParseFloat(q, 64)
		accepted[strings.ToLower(strings.TrimSpace(name))] = !found || (err == nil && value > 0)
	}
	for _, e := range encodings {
		if _, ready := a.body[e.name]; !ready {
			continue
		}
		ok, named := accepted[e.name]
		if ok || (!named && accepted["*"]) {
			return e.name
		}
	}
	return ""
}

// matches reports whether an If-None-Match header names the tag; the comparison is weak (RFC 9110 §13.1.2).
func matches(header, etag string) bool {
	for item := range strings.SplitSeq(header, ",") {
		item = strings.TrimSpace(item)
		if item == "*" || strings.TrimPrefix(item, "W/") == etag {
			return true
		}
	}
	return false
}
