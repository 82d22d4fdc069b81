package setup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// acquire takes the lock on the cache folder, against a second set-up. When
// another holds it, waiting is called once and acquire waits, limit at most.
// The system gives the lock back when its holder dies, however that happens.
func acquire(ctx context.Context, cache string, limit time.Duration, waiting func()) (release func() error, err error) {
	l := flock.New(filepath.Join(cache, "setup.lock"))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cannot lock the cache folder: %w", err)
	}
	if ok {
		return l.Close, nil
	}
	waiting()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := l.TryLockContext(limited, 200*time.Millisecond); err != nil {
		l.Close()
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("another gtg setup has held the lock %s for more than %v; "+
				"wait for it to end, or end it, and try again", l.Path(), limit)
		}
		return nil, fmt.Errorf("cannot lock the cache folder: %w", err)
	}
	return l.Close, nil
}
