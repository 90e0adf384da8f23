package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Region is the region that every server is started with.
const Region = "us-east-1"

// patience bounds every wait for a server: it is never waited out unless
// something is wrong.
const patience = 60 * time.Second

// Options say how a server is started. The zero value is a server with an
// empty data directory of its own.
type Options struct {
	Binary    string   // the keywright binary
	Directory string   // holds the data directory and the log; must exist
	Command   string   // "" is serve; another makes its own root access key, which stays unknown
	AccountID string   // "" leaves it to the server
	Flags     []string // beyond those that the harness sets
	TLS       *Certificate
}

// Server is a keywright process. Its methods other than Start, Kill, Stop and
// Restart are safe for concurrent use.
type Server struct {
	Endpoint string // such as http://127.0.0.1:20017
	Data     string // the data directory
	Log      string // the file that stdout and stderr go to
	Root     aws.Credentials
	Secrets  *Secrets

	options Options
	port    int
	command *exec.Cmd
	exited  chan struct{} // closed when command ended
	exit    error         // of command, once exited is closed
}

// Start starts a server and returns when it reports that it is ready.
func Start(o Options) (*Server, error) {
	s := &Server{
		options: o,
		Data:    filepath.Join(o.Directory, "data"),
		Log:     filepath.Join(o.Directory, "server.log"),
		Secrets: &Secrets{},
	}
	if o.Command == "" {
		s.Root = aws.Credentials{
			AccessKeyID:     "AKIA" + strings.ToUpper(random(16, "abcdefghijklmnopqrstuvwxyz234567")),
			SecretAccessKey: random(40, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"),
		}
		s.Secrets.Add(s.Root.SecretAccessKey)
	}
	var err error
	for range 20 { // another process may take the port that was free
		if s.port, err = freePort(); err != nil {
			return nil, err
		}
		scheme := "http"
		if o.TLS != nil {
			scheme = "https"
		}
		s.Endpoint = fmt.Sprintf("%s://127.0.0.1:%d", scheme, s.port)
		if err = s.Restart(); err == nil || !strings.Contains(s.Output(), "address already in use") {
			return s, err
		}
	}
	return nil, err
}

// Restart starts the server again, at the same address and on the same data,
// after Kill or Stop.
func (s *Server) Restart() error {
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(s.options.Binary, s.flags()...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.options.Directory}
	if s.Root.AccessKeyID != "" {
		command.Env = append(command.Env,
			"KEYWRIGHT_ROOT_ACCESS_KEY_ID="+s.Root.AccessKeyID,
			"KEYWRIGHT_ROOT_SECRET_ACCESS_KEY="+s.Root.SecretAccessKey)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return err
	}
	s.command, s.exited = command, make(chan struct{})
	go func(exited chan struct{}) {
		s.exit = command.Wait()
		close(exited)
	}(s.exited)
	return s.ready()
}

func (s *Server) flags() []string {
	flags := []string{or(s.options.Command, "serve"), "--data", s.Data, "--listen", s.Addr(), "--region", Region}
	if s.options.AccountID != "" {
		flags = append(flags, "--account-id", s.options.AccountID)
	}
	if s.options.TLS != nil {
		flags = append(flags, "--tls-cert", s.options.TLS.CertFile, "--tls-key", s.options.TLS.KeyFile)
	}
	return append(flags, s.options.Flags...)
}

// ready waits until the server answers its health check.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := s.HTTP()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/-/health", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.exited:
			return fmt.Errorf("keywright serve ended before it was ready: %w\n%s", errOr(s.exit), s.Output())
		case <-ctx.Done():
			s.Kill()
			return fmt.Errorf("keywright serve was not ready after %v\n%s", patience, s.Output())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (s *Server) Kill() {
	if s.Running() {
		s.command.Process.Kill()
		<-s.exited
	}
}

// Interrupt asks the process to end, as Ctrl-C does.
func (s *Server) Interrupt() error {
	if !s.Running() {
		return errors.New("the server ended before it was stopped\n" + tail(s.Output()))
	}
	return s.command.Process.Signal(os.Interrupt)
}

// Stop interrupts the process and waits until it ended. It is an error when the
// process does not exit with 0.
func (s *Server) Stop() error {
	if err := s.Interrupt(); err != nil {
		return err
	}
	return s.Wait()
}

// Wait waits until the process ended, which it must with exit code 0.
func (s *Server) Wait() error {
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.command.Process.Signal(syscall.SIGQUIT) // leaves the stacks in the log
		<-s.exited
		return fmt.Errorf("the server did not stop within %v\n%s", patience, tail(s.Output()))
	}
	if s.exit != nil {
		return fmt.Errorf("the server stopped with %w\n%s", s.exit, tail(s.Output()))
	}
	return nil
}

// Running reports whether the process is there.
func (s *Server) Running() bool {
	if s.command == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Close ends the server, when it runs, and then checks what it left behind: a
// clean exit, no panic in the log, and no secret in the log or the data.
func (s *Server) Close() error {
	var errs []error
	if s.Running() {
		errs = append(errs, s.Stop())
	}
	if output := s.Output(); strings.Contains(output, "panic") || strings.Contains(output, "DATA RACE") {
		errs = append(errs, errors.New("the server's log shows a panic or a race\n"+output))
	}
	errs = append(errs, s.Secrets.Search(s.Log, s.Data))
	return errors.Join(errs...)
}

// Output returns what the server wrote to stdout and stderr so far.
func (s *Server) Output() string {
	log, err := os.ReadFile(s.Log)
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// PeakMemory returns the most bytes of memory that were resident at any time
// since the process started (VmHWM in proc(5)).
func (s *Server) PeakMemory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("kB")))), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no VmHWM in /proc/PID/status")
}

// Addr returns the host and port that the server listens on.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

var (
	nextPort  atomic.Int32
	firstPort = sync.OnceValue(func() int32 { return int32(20000 + os.Getpid()%100*100) })
)

// freePort returns a port below those that outgoing connections are given, so
// that it stays free while a server is down.
func freePort() (int, error) {
	for range 10000 {
		port := int(firstPort()+nextPort.Add(1)-20000)%10000 + 20000
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port from 20000 to 29999")
}

func errOr(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

func tail(s string) string { return s[max(0, len(s)-4000):] }
