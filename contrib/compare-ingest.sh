#!/usr/bin/env bash
# CPU and memory of a whole server that packages live video as low-latency HLS
# with nobody watching: souk and, if MEDIAMTX names a binary of it, MediaMTX,
# one after the other, with the same publishers (ffmpeg, no re-encoding).
#
#   make build && MEDIAMTX=/path/to/mediamtx contrib/compare-ingest.sh
#
# PUBLISHERS=10 SECONDS_EACH=30 KBPS=6000 ROUNDS=3. Loopback only; ends only
# what it started. The figures move with the machine: quote their ratio. Neither
# records nor takes pictures; OPTIONS=--record has souk record.
set -euo pipefail
cd "$(dirname "$0")/.."
publishers=${PUBLISHERS:-10} seconds=${SECONDS_EACH:-30} kbps=${KBPS:-6000} rounds=${ROUNDS:-3}
souk=${SOUK:-bin/souk}
rtmp=21935 http=28080 admin=29090

dir=$(mktemp -d)
pids=()
finish() { for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$dir"; }
trap finish EXIT

ffmpeg -v error -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine -t 12 \
  -c:v libx264 -preset ultrafast -b:v "${kbps}k" -minrate "${kbps}k" -maxrate "${kbps}k" -bufsize "$((kbps / 2))k" -x264-params nal-hrd=cbr \
  -g 30 -c:a aac -b:a 128k -f flv "$dir/clip.flv"

cpu() { awk -v hz="$(getconf CLK_TCK)" '{print ($14 + $15) / hz}' "/proc/$1/stat"; } # seconds, user and system
rss() { awk '/VmRSS/ {print $2 / 1024}' "/proc/$1/status"; }                          # MiB

# measure NAME PID URL… : pushes to every URL and prints the cost.
measure() {
  local name=$1 pid=$2 before after i=0; shift 2
  local pushers=()
  for url in "$@"; do
    ffmpeg -v error -re -stream_loop -1 -i "$dir/clip.flv" -c copy -f flv "$url" >/dev/null 2>&1 & pushers+=($!) pids+=($!)
  done
  sleep 4 # settle
  before=$(cpu "$pid"); sleep "$seconds"; after=$(cpu "$pid")
  awk -v n="$name" -v a="$before" -v b="$after" -v s="$seconds" -v p="$#" -v r="$(rss "$pid")" \
    'BEGIN {printf "%-9s %5.2f CPU-s for %d publishers over %d s: %.3f CPU-s per stream-minute, %.0f MiB resident\n", n, b-a, p, s, (b-a)*60/(s*p), r}'
  for p in "${pushers[@]}"; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done
}

run_souk() {
  rm -rf "$dir/data"
  local urls=()
  for i in $(seq "$publishers"); do
    "$souk" user add --data "$dir/data" --email host@bench.example --channel "c$i" </dev/null >/dev/null
    urls+=("rtmp://127.0.0.1:$rtmp/live/$("$souk" key show "c$i" --data "$dir/data")")
  done
  "$souk" serve --data "$dir/data" --http 127.0.0.1:$http --rtmp 127.0.0.1:$rtmp --admin 127.0.0.1:$admin \
    ${OPTIONS:---record=false} --ffmpeg none --ready-file "$dir/ready" 2>"$dir/souk.log" &
  local pid=$!; pids+=("$pid")
  until [ -e "$dir/ready" ]; do sleep 0.1; done
  measure souk "$pid" "${urls[@]}"
  kill "$pid"; wait "$pid" || true
}

run_mediamtx() {
  cat >"$dir/mediamtx.yml" <<'Y'
logLevel: error
rtsp: no
webrtc: no
srt: no
moq: no
api: no
rtmpAddress: 127.0.0.1:21935
hlsAddress: 127.0.0.1:28888
hlsAlwaysRemux: yes
hlsVariant: lowLatency
hlsSegmentCount: 7
hlsSegmentDuration: 1s
hlsPartDuration: 200ms
paths:
  all_others:
Y
  local urls=()
  for i in $(seq "$publishers"); do urls+=("rtmp://127.0.0.1:$rtmp/c$i"); done
  "$MEDIAMTX" "$dir/mediamtx.yml" >"$dir/mediamtx.log" 2>&1 &
  local pid=$!; pids+=("$pid")
  sleep 1
  measure MediaMTX "$pid" "${urls[@]}"
  kill "$pid"; wait "$pid" || true
}

for _ in $(seq "$rounds"); do
  run_souk
  [ -z "${MEDIAMTX:-}" ] || run_mediamtx
done
