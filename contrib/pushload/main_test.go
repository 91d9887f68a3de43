package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

func send(w http.ResponseWriter, header string, body []byte) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(header)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	w.Write(append(append(b, header...), body...))
	w.(http.Flusher).Flush()
}

// What is reported is what was sent.
func TestReport(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.Header().Set("Transfer-Encoding", "identity")
		send(w, `{"type":"init","mime":"video/mp4"}`, []byte("init"))
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				send(w, `{"type":"skip"}`, nil)
				part, _ := json.Marshal(map[string]any{"type": "part", "msn": n, "part": 0})
				send(w, string(part), make([]byte, 1000))
			}
		}
	}))
	defer s.Close()
	var out bytes.Buffer
	if err := run(&out, s.URL, 2, time.Second, os.Getpid()); err != nil {
		t.Fatal(err)
	}
	text := out.Bytes()
	var got struct {
		Viewers, Lost, Skips int
		Parts                float64 `json:"parts_per_viewer_second"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Viewers != 2 || got.Lost != 0 || got.Skips == 0 || got.Parts < 5 || got.Parts > 51 {
		t.Errorf("reported %s", text)
	}
}
