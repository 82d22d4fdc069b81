package dashboard

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// token is what opens the page to other machines. Only digests are kept.
type token struct {
	sum    [sha256.Size]byte
	cookie string // its name, one for each token, since cookies ignore ports
	pass   string // the cookie's value
}

func newToken(secret string) *token {
	pass := sha256.Sum256([]byte("gtg dashboard\x00" + secret))
	return &token{
		sum:    sha256.Sum256([]byte(secret)),
		cookie: "gtg_" + hex.EncodeToString(pass[:4]),
		pass:   hex.EncodeToString(pass[4:]),
	}
}

func (t *token) is(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1
}

// admit says whether the request may be answered, and answers it otherwise.
func (s *Sink) admit(w http.ResponseWriter, r *http.Request) bool {
	if s.token == nil {
		return s.admitLocal(w, r)
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && s.token.is(bearer) {
		return true
	}
	if c, err := r.Cookie(s.token.cookie); err == nil && subtle.ConstantTimeCompare([]byte(c.Value), []byte(s.token.pass)) == 1 && !r.URL.Query().Has("token") {
		return true
	}
	if s.token.is(r.URL.Query().Get("token")) {
		if r.URL.Path != "/" {
			return true
		}
		// The token does not stay in the address bar.
		http.SetCookie(w, &http.Cookie{Name: s.token.cookie, Value: s.token.pass, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return false
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="gtg"`)
	http.Error(w, "open the page as /?token=TOKEN, or send the header \"Authorization: Bearer TOKEN\"", http.StatusUnauthorized)
	return false
}

// admitLocal admits what came to an address of this machine, under a name of this
// machine.
func (s *Sink) admitLocal(w http.ResponseWriter, r *http.Request) bool {
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && !isLocal(at.String()) {
		http.Error(w, "other machines are served with a token only (dashboard.WithRemote)", http.StatusForbidden)
		return false
	}
	if !isLocal(r.Host) {
		http.Error(w, "the page is served as 127.0.0.1 or localhost, not under another name, unless with a token (dashboard.WithRemote)", http.StatusForbidden)
		return false
	}
	return true
}

// isLocal says whether host, with or without a port, is this machine only.
func isLocal(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && ip.Unmap().IsLoopback()
}
