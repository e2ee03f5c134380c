package transform

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/goatee-sync/goatee"
)

// stackDepth is how many frames of a panic an error names: enough to find the line, and few enough for a dead letter.
const stackDepth = 8

// panicError makes what was recovered an error with a short stack. It is called by the deferred function itself.
func panicError(v any) error {
	at := stack(2)
	if err, ok := v.(error); ok {
		return fmt.Errorf("%w: %w (%s)", goatee.ErrPanic, err, at)
	}
	return fmt.Errorf("%w: %v (%s)", goatee.ErrPanic, v, at)
}

// stack returns the callers, innermost first, without the runtime's own frames.
func stack(skip int) string {
	pcs := make([]uintptr, stackDepth+8)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip+1, pcs)])
	var named []string
	for more := true; more && len(named) < stackDepth; {
		var f runtime.Frame
		f, more = frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			named = append(named, fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line))
		}
	}
	return strings.Join(named, " < ")
}
