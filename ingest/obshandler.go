package ingest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxConfigRequest is how much of a question is read, in bytes.
const maxConfigRequest = 64 << 10

// ClientConfiguration handles POST /api/v3/GetClientConfiguration, where OBS
// asks what to encode. The answer is 200 with a status inside, also for a wrong
// key; OBS shows it to its user. Only a body that is no question gets another.
func (s *Server) ClientConfiguration(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxConfigRequest))
	if err != nil {
		http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
		return
	}
	var q configRequest
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, "the body is not the JSON that OBS sends", http.StatusBadRequest)
		return
	}
	a := configAnswer{Meta: &configMeta{Service: "souk", Schema: q.Schema, ID: rand.Text()}}
	if sentence := s.answer(r, &q, &a); sentence != "" {
		a.Status = &configStatus{"error", sentence}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(a)
}

// answer fills in a for a question, or says why not.
func (s *Server) answer(r *http.Request, q *configRequest, a *configAnswer) (refusal string) {
	caller := addressOf(address(r.RemoteAddr))
	if s.callers.barred(caller, time.Now()) {
		return "There were too many wrong stream keys from your address. Wait a minute before you try again."
	}
	_, key := streamKey(application, q.Key)
	ctx, cancel := context.WithTimeout(r.Context(), keyTimeout)
	defer cancel()
	channel, err := "", ErrUnknownKey
	if key != "" && len(key) <= maxKey {
		channel, err = s.Keys.ChannelForKey(ctx, key)
	}
	switch {
	case errors.Is(err, ErrUnknownKey):
		s.callers.wrong(caller, time.Now())
		return "This stream key is not known. Copy it again from the studio into OBS."
	case err != nil:
		s.log().Error("stream key could not be checked", "err", strings.ReplaceAll(err.Error(), key, "[key]"))
		return "The stream key cannot be checked just now. Try again in a moment."
	case len(q.Client.Codecs) > 0 && !slices.Contains(q.Client.Codecs, "h264"):
		return "This OBS cannot encode H.264, which viewers here need."
	}
	s.callers.right(caller, time.Now())

	policy := s.policy(ctx, channel)
	c, rate := q.canvas()
	h := q.encoder()
	n, kbps := policy.Renditions, policy.MaxBitrate/1000
	if q.Preferences.MaxTracks > 0 {
		n = min(n, q.Preferences.MaxTracks)
	}
	if q.Preferences.MaxKbps > 0 {
		kbps = min(kbps, q.Preferences.MaxKbps)
	}
	if h.id == x264.id && q.Capabilities.CPU.Cores < x264Cores {
		n = min(n, x264Few)
	}
	a.Encoders = policy.configure(c, rate, n, kbps, h)
	a.Audio = &audioEncoders{Live: aac(1)}
	if q.Preferences.VOD {
		a.Audio.VOD = aac(2)
	}
	if s.Endpoints != nil {
		a.Endpoints = endpoints(s.Endpoints(r))
	}
	return ""
}

// endpoints are RTMP addresses as OBS wants them.
func endpoints(urls []string) []configEndpoint {
	var all []configEndpoint
	for _, u := range urls {
		scheme, _, _ := strings.Cut(u, ":")
		all = append(all, configEndpoint{strings.ToUpper(scheme), strings.TrimSuffix(u, "/") + "/{stream_key}"})
	}
	return all
}

// address is a host and port as a net.Addr.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
