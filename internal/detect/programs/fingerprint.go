package programs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// version changes with what all programs have in common and no recipe tells.
const version = 6

// Fingerprint is a fingerprint of all that the case's run with the seed depends
// on. How its outcome is judged is no part of it.
func (p *Program) Fingerprint(c *Case, seed int64) string {
	recipe, err := json.Marshal(p.Recipe(c))
	if err != nil { // an infinite number in a recipe
		panic(fmt.Sprintf("%s, %s: %v", p.Name, c.Name, err))
	}
	plain, _ := json.Marshal(p.Plain) // of which a shifted task's weights come
	h := sha256.Sum256(fmt.Appendf(nil, "%d %d %q %q %d %s %s", version, p.Revision, p.Name, c.Name, seed, recipe, plain))
	return hex.EncodeToString(h[:8])
}
