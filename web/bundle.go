package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// prefix is where [Pages.Assets] is mounted; Vite's base option says the same.
const prefix = "/_/"

// chunk is one entry of Vite's manifest, as far as pages need it.
type chunk struct {
	File    string   `json:"file"`
	CSS     []string `json:"css"`
	Imports []string `json:"imports"` // keys of other chunks, needed before this one runs
}

// load is what a page's head refers to, as URLs.
type load struct {
	Styles  []string
	Modules []string // fetched early, in dependency order
	Script  string   // the entry itself
}

// bundle knows what each view must load.
type bundle struct {
	loads map[View]load
}

func (b *bundle) load(view View) load { return b.loads[view] }

// readBundle reads Vite's manifest. It returns nil when there is none: nothing was built.
func readBundle(dist fs.FS) (*bundle, error) {
	text, err := fs.ReadFile(dist, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var chunks map[string]chunk
	if err := json.Unmarshal(text, &chunks); err != nil {
		return nil, err
	}
	b := &bundle{loads: make(map[View]load)}
	for view, entry := range entries {
		c, ok := chunks[entry]
		if !ok {
			return nil, fmt.Errorf("no entry %s", entry)
		}
		l := load{Script: prefix + c.File}
		seen := map[string]bool{entry: true}
		if err := l.add(chunks, entry, seen, false); err != nil {
			return nil, err
		}
		if ahead := preloads[view]; ahead != "" {
			if err := l.add(chunks, ahead, seen, true); err != nil {
				return nil, err
			}
		}
		b.loads[view] = l
	}
	return b, nil
}

// add walks the static imports of a chunk depth first, so that what is needed first is listed first.
// The entry itself is not a module to fetch early, it is the script.
func (l *load) add(chunks map[string]chunk, key string, seen map[string]bool, module bool) error {
	c, ok := chunks[key]
	if !ok {
		return fmt.Errorf("no chunk %s", key)
	}
	seen[key] = true
	for _, name := range c.Imports {
		if seen[name] {
			continue
		}
		if err := l.add(chunks, name, seen, true); err != nil {
			return err
		}
	}
	for _, css := range c.CSS {
		l.Styles = append(l.Styles, prefix+css)
	}
	if module {
		l.Modules = append(l.Modules, prefix+c.File)
	}
	return nil
}
