package disk

import (
	"errors"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// pins are the contents that are open for reading. They outlive their objects
// until they are let go.
type pins struct {
	mu   sync.Mutex
	open map[id]*pin
}

type pin struct {
	holders int
	dead    bool // to be removed with the last holder
}

func (p *pins) add(content id) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = make(map[id]*pin)
	}
	if p.open[content] == nil {
		p.open[content] = new(pin)
	}
	p.open[content].holders++
}

// release lets one holder's content go and reports whether it is to be removed.
func (p *pins) release(content id) (remove bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.open[content]
	if held.holders--; held.holders > 0 {
		return false
	}
	delete(p.open, content)
	return held.dead
}

// postpone reports whether content is held, and if so has its last holder
// remove it.
func (p *pins) postpone(content id) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.open[content]
	if held != nil {
		held.dead = true
	}
	return held != nil
}

// cleaner removes in the background what the index lists as to be removed: dead
// contents, unnamed files and the uploads of removed buckets. What it does not
// get to is removed after the next start.
type cleaner struct {
	store *Store
	left  *pebble.Snapshot // of the lists as they were at the start
	done  chan struct{}

	mu       sync.Mutex
	wake     sync.Cond
	contents []id
	files    []id
	buckets  []string
	stopping bool
}

func startCleaner(s *Store) *cleaner {
	c := &cleaner{store: s, left: s.index.db.NewSnapshot(), done: make(chan struct{})}
	c.wake.L = &c.mu
	go c.run()
	return c
}

// stop waits until everything that was handed over is removed.
func (c *cleaner) stop() {
	c.mu.Lock()
	c.stopping = true
	c.mu.Unlock()
	c.wake.Signal()
	<-c.done
}

// removeFiles removes the files of segments, which are on the list.
func (c *cleaner) removeFiles(segments []segment) {
	c.add(func() {
		for _, one := range segments {
			c.files = append(c.files, one.file)
		}
	})
}

// removeContent removes a content that no object is made of, once nobody reads
// it.
func (c *cleaner) removeContent(content id) {
	if !c.store.pins.postpone(content) {
		c.add(func() { c.contents = append(c.contents, content) })
	}
}

func (c *cleaner) removeBucket(bucketID string) {
	c.add(func() { c.buckets = append(c.buckets, bucketID) })
}

func (c *cleaner) add(change func()) {
	c.mu.Lock()
	change()
	c.mu.Unlock()
	c.wake.Signal()
}

func (c *cleaner) run() {
	defer close(c.done)
	if err := c.addLeft(); err != nil {
		c.store.logger.Error("what earlier runs left to remove stays for the next", "error", err)
	}
	for {
		contents, files, buckets, ok := c.take()
		if !ok {
			return
		}
		err := errors.Join(c.sweep(contents, files), c.sweepBuckets(buckets))
		if err != nil {
			c.store.logger.Error("what could not be removed stays for the next start", "error", err)
		}
	}
}

func (c *cleaner) take() (contents, files []id, buckets []string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.contents)+len(c.files)+len(c.buckets) == 0 {
		if c.stopping {
			return nil, nil, nil, false
		}
		c.wake.Wait()
	}
	contents, c.contents = cut(c.contents)
	files, c.files = cut(c.files)
	buckets, c.buckets = cut(c.buckets)
	return contents, files, buckets, true
}

// cut returns as much as is removed at a time, and the rest.
func cut[E any](all []E) (some, rest []E) {
	n := min(len(all), 1000)
	return all[:n:n], all[n:]
}

// addLeft hands over what was listed when the store was opened.
func (c *cleaner) addLeft() error {
	ids := func(space byte, to *[]id) error {
		return each(c.left, []byte{space}, []byte{space + 1}, func(key, _ []byte) error {
			c.add(func() { *to = append(*to, id(key[1:])) })
			return nil
		})
	}
	return errors.Join(
		ids(deadSpace, &c.contents),
		ids(unnamedSpace, &c.files),
		each(c.left, []byte{removedSpace}, []byte{removedSpace + 1}, func(key, _ []byte) error {
			c.removeBucket(string(key[1:]))
			return nil
		}),
		c.left.Close())
}

// sweep removes contents with their files, and files by themselves. Their rows
// go last: until then they would be found again.
func (c *cleaner) sweep(contents, files []id) error {
	rows := c.store.index.change()
	var failed error
	for _, content := range contents {
		segments, ok, err := c.claim(content)
		if err != nil || !ok {
			failed = errors.Join(failed, err)
			continue
		}
		for _, s := range segments {
			files = append(files, s.file)
		}
		for _, space := range []byte{contentSpace, sharedSpace, deadSpace} {
			rows.delete(row(space, content[:]))
		}
	}
	if err := c.store.files.remove(files); err != nil {
		return errors.Join(failed, err)
	}
	for _, file := range files {
		rows.delete(row(unnamedSpace, file[:]))
	}
	return errors.Join(failed, c.store.index.lazily(rows))
}

// claim returns the segments of a content that is dead and not being read, after
// which it can be neither read nor copied.
func (c *cleaner) claim(content id) (segments []segment, ok bool, err error) {
	defer c.store.contents.lock(string(content[:]))()
	dead, err := c.store.index.has(row(deadSpace, content[:]))
	if err != nil || !dead || c.store.pins.postpone(content) {
		return nil, false, err
	}
	value, err := c.store.index.get(row(contentSpace, content[:]))
	if err != nil || value == nil {
		return nil, err == nil, err
	}
	record, err := decodeContent(value)
	if err != nil {
		return nil, false, err
	}
	return record.segments, true, nil
}

// sweepBuckets forgets the uploads of buckets that are gone.
func (c *cleaner) sweepBuckets(buckets []string) error {
	var failed error
	for _, bucketID := range buckets {
		failed = errors.Join(failed, c.sweepBucket(bucketID))
	}
	return failed
}

func (c *cleaner) sweepBucket(bucketID string) error {
	rows := rowsOf(uploadSpace, bucketID)
	for {
		var key []byte
		err := c.store.index.view(func(r pebble.Reader) error {
			return first(r, rows, successor(rows), &key)
		})
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		if err := c.store.forgetUpload(key); err != nil {
			return err
		}
	}
	last := c.store.index.change()
	last.delete(removedRow(bucketID))
	return c.store.index.lazily(last)
}
