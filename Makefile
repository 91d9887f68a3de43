# souk. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO      ?= go
NPM     ?= npm
DEMO    ?=
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
WEB     := $(shell git ls-files web/src web/public web/templates web/build 'web/*.json' 'web/*.ts' 'web/*.js' 2>/dev/null)
CHECK   := honnef.co/go/tools/cmd/staticcheck@v0.7.0
VULN    := golang.org/x/vuln/cmd/govulncheck@v1.1.4

export CGO_ENABLED ?= 0

.PHONY: help build demo test test-go test-oracle test-web test-browser test-obs lint pictures latency bench load-rooms crash chaos fuzz tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: bin/souk ## build bin/souk, pages included

demo: bin/souk ## run the product: a broadcast on air and a shop to buy from
	bin/souk demo $(DEMO)

test: tools test-web test-go test-oracle test-browser ## install what the tests need and run them all

test-go: web/node_modules/.installed ## Go tests with the race detector, on real ffmpeg and PostgreSQL
	CGO_ENABLED=1 $(GO) test -race ./...

test-oracle: ## our requests and the sandbox's answers against stripe-mock and Stripe's own description
	cd shop/oracle && CGO_ENABLED=1 $(GO) test -race

test-web: web/node_modules/.installed ## unit tests and types of the pages
	cd web && $(NPM) run --silent check && $(NPM) test --silent

test-browser: bin/souk ## stories in Chromium against the real binary, ffmpeg on air
	cd web && $(NPM) run --silent story

test-obs: ## OBS itself publishes, on a screen in memory (installs obs-studio and xvfb)
	@command -v obs >/dev/null && command -v Xvfb >/dev/null || { $(SUDO) apt-get update -q && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -q -y --no-install-recommends obs-studio obs-plugins libgl1-mesa-dri xvfb ffmpeg; }
	$(GO) test -count=1 -tags obs -run OBS ./ingest

lint: web/node_modules/.installed ## gofmt, vet, staticcheck
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not gofmt-ed:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	cd shop/oracle && $(GO) vet ./...
	cd contrib/roomload/centrifuge && $(GO) vet ./...
	$(GO) run $(CHECK) ./...

pictures: bin/souk ## take the README's pictures from the real product
	cd web && STORY=pictures $(NPM) run --silent story

latency: bin/souk ## how old the picture is on the page, by push and by LL-HLS (X264=obs: as OBS encodes)
	cd web && STORY=latency $(NPM) run --silent story

bench: ## benchmarks of the hot paths
	$(GO) test -run '^$$' -bench . -benchmem ./...

load-rooms: bin/souk ## rooms of up to 10,000, beside bare write calls and the centrifuge library; ten minutes (ROOMS='-only busy,large')
	$(GO) run ./contrib/roomload compare -souk bin/souk $(ROOMS)

crash: ## kill -9 at every point between a tap and its end, twenty times each, on SQLite and PostgreSQL
	SOUK_CRASH_RUNS=20 $(GO) test -count=1 -v -timeout 60m -run TestKilledAtEveryPoint ./shop

chaos: ## 50,000 buyers after 10,000 units while everything fails, and 10,000 orders in the air when the power goes
	SOUK_CHAOS_UNITS=10000 SOUK_CHAOS_BUYERS=50000 SOUK_CHAOS_FLIGHTS=10000 \
	  $(GO) test -count=1 -v -timeout 60m -run 'TestChaosSale|TestManyInFlight' ./shop

FUZZTIME ?= 10m
fuzz: ## run every fuzz target for FUZZTIME each
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$p || exit 1; done; done

tools: ## install ffmpeg, GStreamer, Chromium, PostgreSQL and Redis if they are missing (Debian)
	@need=(); \
	command -v ffmpeg >/dev/null || need+=(ffmpeg); \
	command -v chromium >/dev/null || need+=(chromium); \
	gst-inspect-1.0 rtmp2sink >/dev/null 2>&1 || need+=(gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad); \
	command -v redis-server >/dev/null || need+=(redis-server); \
	command -v gcc >/dev/null || need+=(gcc libc6-dev); \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || need+=(postgresql); \
	fc-list 2>/dev/null | grep -qi noto || need+=(fonts-noto-core fonts-noto-color-emoji fontconfig); \
	if [ $${#need[@]} -gt 0 ]; then echo "installing $${need[*]}"; \
	  $(SUDO) apt-get update -q && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -q -y --no-install-recommends "$${need[@]}"; fi

clean: ## remove what was built
	rm -rf bin web/node_modules && find web/dist -mindepth 1 ! -name placeholder.txt -delete

bin/souk: web/dist/manifest.json $(shell git ls-files '*.go' '*.sql' '*.flv' 'web/demo/*' go.mod go.sum 2>/dev/null)
	@mkdir -p bin
	$(GO) build -trimpath -o $@ ./cmd/souk

web/node_modules/.installed: web/package-lock.json
	@node -e 'const [a,b]=process.versions.node.split(".").map(Number);if(a<20||a==20&&b<19){console.error("souk needs Node.js 20.19 or newer to build its pages, this is "+process.version);process.exit(1)}'
	cd web && $(NPM) ci --no-fund --no-audit
	@touch $@

web/dist/manifest.json: web/node_modules/.installed $(WEB)
	cd web && $(NPM) run --silent build
	@touch $@
