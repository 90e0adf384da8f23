package server

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// errInUse says that another process holds the lock of a data directory.
var errInUse = errors.New("the data directory is in use")

// lockFolder keeps other processes out of a data directory until what it
// returns is closed, or this process ends in whatever way.
func lockFolder(folder string) (io.Closer, error) {
	path := filepath.Join(folder, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(folder, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = &Error{inUse: true, Problem: "the data directory " + folder + " is in use by another keywright" + holder(f),
			Hint: "stop the other one first, or give --data another directory"}
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// holder names the process that holds a lock, when it wrote so.
func holder(f io.ReaderAt) string {
	var b [20]byte
	n, _ := f.ReadAt(b[:], 0)
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n]))); err == nil {
		return " (process " + strconv.Itoa(pid) + ")"
	}
	return ""
}

func unusable(folder string, err error) error {
	return &Error{Problem: "cannot use the data directory " + folder, Err: err,
		Hint: "keywright must be able to make and write files there; give --data a directory of this user's"}
}
