package goatee

import "errors"

// Retry wraps an error of a Transformer that may pass, such as that of a service which does not answer at present: the
// change is transformed again later, with back-off, until it passes or the limit of WithRetryLimit is reached. Meanwhile
// later changes of the same document wait and all others go on. An error that is interface{ Temporary() bool }, and says
// true, has the same effect. Retry(nil) is nil.
func Retry(err error) error {
	if err == nil {
		return nil
	}
	return &retryError{err}
}

type retryError struct{ err error }

func (e *retryError) Error() string   { return e.err.Error() }
func (e *retryError) Unwrap() error   { return e.err }
func (e *retryError) Temporary() bool { return true }

// isTemporary reports whether an error says that trying again later may help.
func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}
