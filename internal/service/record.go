package service

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/keywright/keywright/internal/awserr"
)

func stack() string { return string(debug.Stack()) }

// record writes the request's one line: who asked for what, and how it ended.
// It names no secret, no signature and no header of the client's but its agent.
func (d *Dispatcher) record(r *Request, w *countingWriter, err error) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("requestId", r.ID),
		slog.String("remote", r.HTTP.RemoteAddr),
		slog.String("service", r.service.Name()),
		slog.String("operation", r.operation),
	}
	if r.Client.Proxied {
		attrs = append(attrs, slog.String("client", r.Client.Address.String()))
	}
	if r.Caller != nil {
		attrs = append(attrs, slog.String("principal", principalOf(r.Caller)), slog.String("accessKeyId", r.Caller.AccessKeyID))
	}
	if r.Bucket != "" {
		attrs = append(attrs, slog.String("bucket", r.Bucket), slog.String("key", r.Key))
	}
	attrs = append(attrs, slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Duration("took", d.Now().Sub(r.Time).Round(time.Microsecond)))
	if err != nil {
		e := asFault(err)
		attrs = append(attrs, slog.String("code", e.Code), slog.String("message", e.Message))
		if cause := errors.Unwrap(e); cause != nil {
			attrs = append(attrs, slog.String("cause", cause.Error()))
		}
		if e.Status >= 500 && !errors.Is(e, awserr.NotImplemented) {
			level = slog.LevelError
		}
	}
	d.Log.LogAttrs(context.Background(), level, "request", attrs...)
}

func principalOf(c *Caller) string {
	if c.Anonymous() {
		return "anonymous"
	}
	if c.Federated() { // the provider alone says little
		return c.UserID
	}
	return c.ARN
}
