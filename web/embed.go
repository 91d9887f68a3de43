package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var built embed.FS

//go:embed templates/*.html
var templates embed.FS

// DemoPictures holds the product pictures of the demo shop under demo/, named after what they show. All are 640x640 WebP.
//
//go:embed demo/*.webp
var DemoPictures embed.FS

// dist is the embedded build, rooted where Vite wrote it.
func dist() fs.FS {
	sub, err := fs.Sub(built, "dist")
	if err != nil {
		panic(err) // only an invalid path can fail, and this one is a constant
	}
	return sub
}
