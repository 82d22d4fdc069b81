package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Write writes the labels of the corpus in the folder, in place of those that are
// there.
func Write(dir string, labels []Label) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for i := range labels {
		if err := labels[i].validate(); err != nil {
			return fmt.Errorf("corpus: %w", err)
		}
		if err := e.Encode(&labels[i]); err != nil {
			return fmt.Errorf("corpus: %s: %w", labels[i].File, err)
		}
	}
	path := filepath.Join(dir, Labels)
	if err := os.WriteFile(path+".part", b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("corpus: %w", err)
	}
	return os.Rename(path+".part", path)
}
