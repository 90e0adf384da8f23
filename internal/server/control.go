package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/keywright/keywright/internal/directory"
)

const (
	// maxSocketPath is the longest path of a socket that every system takes.
	maxSocketPath = 103

	controlTimeout = 30 * time.Second
	maxControlBody = 64 << 10
)

// controlSocket is where the socket is in a data directory.
var controlSocket = []string{"control", "server.sock"}

// openControl makes the socket through which this machine's keywright commands
// ask a running server for what no request can be authorized to do. It stands
// in the data directory, and only who owns that can reach it.
func (s *Server) openControl(ctx context.Context) error {
	folder, path := s.path("control"), s.path(controlSocket...)
	if len(path) > maxSocketPath {
		s.config.Log.WarnContext(ctx, "the path of the data directory is too long for a control socket: keywright account needs this server stopped", "path", path)
		return nil
	}
	// The folder keeps others out before the socket has its mode, and whatever
	// the mode of a data directory that was there.
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return unusable(s.config.DataDir, err)
	}
	if err := os.Chmod(folder, 0o700); err != nil {
		return unusable(s.config.DataDir, err)
	}
	// One that is there belongs to no server: this one holds the lock.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unusable(s.config.DataDir, err)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return unusable(s.config.DataDir, err)
	}
	s.control = &http.Server{Handler: s.controlHandler(), ReadHeaderTimeout: controlTimeout, ReadTimeout: controlTimeout}
	s.opened = append(s.opened, closeFunc(func() error {
		s.control.Close()
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}))
	if err := os.Chmod(path, 0o600); err != nil {
		return unusable(s.config.DataDir, err)
	}
	s.controlListener = l
	return nil
}

// addRequest asks for one more account.
type addRequest struct{ AccountID, Name string }

// controlFault is an *Error on its way to the command that asked.
type controlFault struct {
	Problem, Hint string
	Usage         bool
}

func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /accounts", func(w http.ResponseWriter, _ *http.Request) {
		answerControl(w, http.StatusOK, accountsOf(s.directory))
	})
	mux.HandleFunc("POST /accounts", func(w http.ResponseWriter, r *http.Request) {
		var asked addRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody)).Decode(&asked); err != nil {
			answerControl(w, http.StatusBadRequest, controlFault{Problem: "the request to the server is not understood", Hint: "use the keywright that the server runs with"})
			return
		}
		added, err := addAccount(r.Context(), s.directory, asked.AccountID, asked.Name)
		if err != nil {
			s.config.Log.WarnContext(r.Context(), "account not added", "error", err)
			answerControl(w, http.StatusConflict, faultOf(err))
			return
		}
		s.config.Log.InfoContext(r.Context(), "account added", "account", added.Account.ID)
		answerControl(w, http.StatusOK, added)
	})
	return mux
}

func faultOf(err error) controlFault {
	var e *Error
	if errors.As(err, &e) {
		return controlFault{e.Error(), e.Hint, e.Usage}
	}
	return controlFault{Problem: err.Error(), Hint: "the log of the server may say more"}
}

func answerControl(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // v is a struct of texts and times
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// serveControl serves the control socket until the server is closed.
func (s *Server) serveControl() {
	if s.controlListener == nil {
		return
	}
	if err := s.control.Serve(s.controlListener); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		s.config.Log.Error("the control socket is closed: keywright account needs this server stopped", "error", err)
	}
}

// askToAdd has the server that uses the data directory add an account. held is
// the error of whoever asks when there is no such server.
func (c AccountsConfig) askToAdd(ctx context.Context, id, name string, held error) (*AddedAccount, error) {
	added := new(AddedAccount)
	if err := c.ask(ctx, http.MethodPost, addRequest{id, name}, added, held); err != nil {
		return nil, err
	}
	return added, nil
}

// askForAccounts has the server that uses the data directory list its accounts.
func (c AccountsConfig) askForAccounts(ctx context.Context, held error) ([]directory.Account, error) {
	var accounts []directory.Account
	return accounts, c.ask(ctx, http.MethodGet, nil, &accounts, held)
}

func (c AccountsConfig) ask(ctx context.Context, method string, asked, answer any, held error) error {
	s := &Server{config: Config{DataDir: c.DataDir}}
	dialer := net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", s.path(controlSocket...))
	}}
	defer transport.CloseIdleConnections()
	body, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://keywright/accounts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport, Timeout: controlTimeout}).Do(r)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return held // who holds the lock is no server, or serves no longer
		}
		return &Error{Problem: "the server that uses " + c.DataDir + " did not answer", Err: err, Hint: "see whether the account is there: keywright account list --data " + c.DataDir}
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return json.NewDecoder(response.Body).Decode(answer)
	}
	var fault controlFault
	if err := json.NewDecoder(response.Body).Decode(&fault); err != nil || fault.Problem == "" {
		return held
	}
	return &Error{Problem: fault.Problem, Hint: fault.Hint, Usage: fault.Usage}
}
