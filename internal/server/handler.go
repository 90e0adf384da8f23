package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// handler stands before the dispatcher. It answers for the paths below "/-/",
// which no bucket's name can take, and counts the requests under way. It cleans
// no path: ".." and "//" are parts of keys.
type handler struct {
	next    http.Handler
	ping    func(context.Context) error
	domains []string
	log     *slog.Logger

	mu       sync.Mutex
	requests int
	draining bool
	idle     chan struct{} // closed when draining and no request is under way
}

// ServeHTTP serves one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.enter() {
		w.Header().Set("Connection", "close")
		answer(w, http.StatusServiceUnavailable, "shutting down")
		return
	}
	defer h.leave()
	if path := r.URL.Path; (path == "/-" || strings.HasPrefix(path, "/-/")) && !h.virtualHosted(r.Host) {
		h.system(w, r)
		return
	}
	h.next.ServeHTTP(w, r)
}

// virtualHosted reports whether a host names a bucket, so that the path is a key.
func (h *handler) virtualHosted(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, d := range h.domains {
		if strings.HasSuffix(host, "."+d) {
			return true
		}
	}
	return false
}

// system serves "/-/health": 200 when requests can be served, 503 with the
// reason when not.
func (h *handler) system(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/-/health" {
		answer(w, http.StatusNotFound, "not found")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answer(w, http.StatusMethodNotAllowed, "method not allowed")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := h.ping(ctx); err != nil {
		h.log.Error("not healthy", "cause", err)
		answer(w, http.StatusServiceUnavailable, "the directory does not answer")
		return
	}
	answer(w, http.StatusOK, "ok")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Server", "Keywright")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}

// enter counts a request in, unless the server is stopping.
func (h *handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return false
	}
	h.requests++
	return true
}

func (h *handler) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests--
	if h.draining && h.requests == 0 {
		close(h.idle)
	}
}

// drain lets no further request in, and returns a channel that is closed when
// those under way are done.
func (h *handler) drain() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.draining {
		h.draining, h.idle = true, make(chan struct{})
		if h.requests == 0 {
			close(h.idle)
		}
	}
	return h.idle
}

// underWay returns how many requests are being served.
func (h *handler) underWay() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.requests
}
