#!/usr/bin/env bash
# What delivery of low-latency HLS costs, server by server, in one run with the
# same pictures (720p30, 2.5 Mbit/s, parts of 200 ms): souk, an edge of it, a
# bare gohlslib muxer and, if MEDIAMTX names a binary of it, MediaMTX, under the
# players of contrib/hlsload; and souk's playlist and segment beside nginx
# serving copies of them from memory, under wrk.
#
#   make build && MEDIAMTX=/path/to/mediamtx contrib/compare-hls.sh
#
# VIEWERS=500 SECONDS_EACH=10. Needs ffmpeg, nginx and wrk. Loopback only; ends
# only what it started. The figures move with the machine: quote their ratio.
set -euo pipefail
cd "$(dirname "$0")/.."
viewers=${VIEWERS:-500} seconds=${SECONDS_EACH:-10} souk=${SOUK:-bin/souk}
rtmp=21935 http=28080 admin=29090 edge=28081 edge_admin=29091 raw=28082 nginx=28083 mtx_rtmp=21936 mtx=28888

dir=$(mktemp -d) fast=$(mktemp -d -p /dev/shm)
pids=()
finish() { for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$dir" "$fast"; }
trap finish EXIT
go build -o "$dir/hlsload" ./contrib/hlsload
go build -o "$dir/rawmuxer" ./hls/testdata/rawmuxer

cpu() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13) / hz}' "/proc/$1/stat"; } # seconds, user and system
awaits() { for _ in $(seq 300); do curl -sf -o /dev/null -m 5 -L "$1" && return; sleep 0.1; done; echo "no $1" >&2; exit 1; }
players() { local name=$1; shift; printf '%-9s ' "$name"; "$dir/hlsload" -n "$viewers" -for "${seconds}s" "$@"; }

# requests NAME PID URL: CPU of the server for one request, 32 connections.
requests() {
  local before after n
  before=$(cpu "$2"); n=$(wrk -t1 -c32 -d"${seconds}s" "$3" | awk '/requests in/ {print $1}'); after=$(cpu "$2")
  awk -v n="$1" -v a="$before" -v b="$after" -v r="$n" 'BEGIN {printf "%-9s %6.1f CPU-µs for each of %d requests\n", n, (b-a)*1e6/r, r}'
}

ffmpeg -v error -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=sample_rate=48000 -t 12 -c:v libx264 -preset veryfast -tune zerolatency \
  -b:v 2500k -minrate 2500k -maxrate 2500k -bufsize 1250k -x264-params nal-hrd=cbr -g 30 -c:a aac -b:a 128k -f flv "$dir/clip.flv"
push() { ffmpeg -v error -re -stream_loop -1 -i "$dir/clip.flv" -c copy -f flv "$1" >/dev/null 2>&1 & pids+=($!); pusher=$!; }

"$souk" user add --data "$dir/data" --email host@bench.example --channel tea </dev/null >/dev/null
"$souk" serve --data "$dir/data" --http 127.0.0.1:$http --rtmp 127.0.0.1:$rtmp --admin 127.0.0.1:$admin --log-level error 2>"$dir/souk.log" & souk_pid=$!
pids+=("$souk_pid")
awaits "http://127.0.0.1:$http/healthz"
push "rtmp://127.0.0.1:$rtmp/live/$("$souk" key show tea --data "$dir/data")"
base=http://127.0.0.1:$http/hls/tea
awaits "$base/index.m3u8"
players souk -url "$base/index.m3u8" -pid "$souk_pid"

# A copy of what souk has now, in memory, for nginx.
curl -s "$base/live.m3u8" >"$fast/live.m3u8"
name=$(grep -v '^#' "$fast/live.m3u8" | tail -n 2 | head -n 1)
curl -s "$base/$name" >"$fast/segment.mp4"
mkdir "$dir/nginx"
cat >"$dir/nginx.conf" <<N
daemon off; master_process off; pid $dir/nginx/pid; error_log $dir/nginx/error.log;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; types { video/mp4 mp4; application/vnd.apple.mpegurl m3u8; }
  client_body_temp_path $dir/nginx; proxy_temp_path $dir/nginx; fastcgi_temp_path $dir/nginx; uwsgi_temp_path $dir/nginx; scgi_temp_path $dir/nginx;
  server { listen 127.0.0.1:$nginx; root $fast; } }
N
nginx -c "$dir/nginx.conf" & nginx_pid=$!; pids+=("$nginx_pid")
awaits "http://127.0.0.1:$nginx/live.m3u8"
echo "playlist of $(stat -c %s "$fast/live.m3u8") bytes:"
requests souk "$souk_pid" "$base/live.m3u8"
requests nginx "$nginx_pid" "http://127.0.0.1:$nginx/live.m3u8"
echo "segment of $(stat -c %s "$fast/segment.mp4") bytes:"
name=$(curl -s "$base/live.m3u8" | grep -v '^#' | tail -n 1) # the copied one may have left the window
requests souk "$souk_pid" "$base/$name"
requests nginx "$nginx_pid" "http://127.0.0.1:$nginx/segment.mp4"
kill "$nginx_pid"

"$souk" serve --origin "http://127.0.0.1:$http" --http 127.0.0.1:$edge --admin 127.0.0.1:$edge_admin --log-level error 2>"$dir/edge.log" & edge_pid=$!
pids+=("$edge_pid")
awaits "http://127.0.0.1:$edge/hls/tea/index.m3u8"
asked() { curl -s "http://127.0.0.1:$edge_admin/metrics" | awk '/^souk_edge_(playlist|media|pull)_requests_total/ {n += $2} END {print n}'; }
before=$(asked) start=$(date +%s.%N)
players edge -url "http://127.0.0.1:$edge/hls/tea/index.m3u8" -against "$base/index.m3u8" -pid "$edge_pid"
awk -v a="$before" -v b="$(asked)" -v s="$start" -v e="$(date +%s.%N)" 'BEGIN {printf "edge      %.1f requests a second to the origin\n", (b-a)/(e-s)}'
kill "$edge_pid" "$pusher" "$souk_pid"

mkfifo "$dir/ts"
"$dir/rawmuxer" 127.0.0.1:$raw <"$dir/ts" 2>"$dir/raw.log" & raw_pid=$!; pids+=("$raw_pid")
ffmpeg -v error -re -stream_loop -1 -i "$dir/clip.flv" -c copy -bsf:v h264_mp4toannexb -f mpegts - >"$dir/ts" 2>/dev/null & pids+=($!); pusher=$!
awaits "http://127.0.0.1:$raw/index.m3u8"
players gohlslib -url "http://127.0.0.1:$raw/index.m3u8" -pid "$raw_pid"
kill "$raw_pid" "$pusher"

[ -n "${MEDIAMTX:-}" ] || exit 0
cat >"$dir/mediamtx.yml" <<Y
logLevel: error
rtsp: no
webrtc: no
srt: no
moq: no
api: no
rtmpAddress: 127.0.0.1:$mtx_rtmp
hlsAddress: 127.0.0.1:$mtx
hlsAlwaysRemux: yes
hlsVariant: lowLatency
hlsSegmentCount: 7
hlsSegmentDuration: 1s
hlsPartDuration: 200ms
paths:
  all_others:
Y
"$MEDIAMTX" "$dir/mediamtx.yml" >"$dir/mediamtx.log" 2>&1 & mtx_pid=$!; pids+=("$mtx_pid")
sleep 1
push "rtmp://127.0.0.1:$mtx_rtmp/tea"
awaits "http://127.0.0.1:$mtx/tea/index.m3u8?cookieCheck=1"
players MediaMTX -url "http://127.0.0.1:$mtx/tea/index.m3u8" -pid "$mtx_pid"
