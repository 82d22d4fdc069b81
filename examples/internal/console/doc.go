// Package console is what the examples share: the flags that concern gtg, a
// sink that remembers the last step for a progress bar, the bar, and the
// verdict in plain words. A program of one's own needs none of it.
package console
