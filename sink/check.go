package sink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/backoff"
)

const (
	// checkTimeout bounds Check.
	checkTimeout = 10 * time.Second
	// checkAttempts is how often Check asks when the nodes that it reaches are down. The client asks another one each
	// time.
	checkAttempts = 10
)

// The settings that a *goatee.ConfigError of Bulk.Check is about, for programs that have names of their own for them.
const (
	SettingAddress     = "sink.NewBulk: client address"
	SettingCredentials = "sink.NewBulk: client credentials"
)

// Check asks Elasticsearch who it is; one node that answers is enough. Its error is a *goatee.ConfigError when no node can
// be reached within 10 seconds, or when Elasticsearch does not accept the credentials, or is something else or too old.
func (b *Bulk) Check(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	pauses := backoff.Full{Base: 100 * time.Millisecond, Max: 500 * time.Millisecond}
	for attempt := 0; ; attempt++ {
		res, err := b.greet(limited)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && res.status < http.StatusInternalServerError && res.status != http.StatusTooManyRequests:
			return checkAnswer(res)
		case err != nil && isProductRefusal(err):
			return errProduct(err)
		}
		if attempt+1 < checkAttempts && pauses.Wait(limited, attempt, 0) == nil {
			continue
		}
		if err != nil {
			return unreachable(err)
		}
		return checkAnswer(res)
	}
}

// greet makes one attempt. A node that hangs gets half of the time that is left, so that there is time for others.
func (b *Bulk) greet(ctx context.Context) (reply, error) {
	timeout := checkTimeout
	if end, ok := ctx.Deadline(); ok {
		timeout = time.Until(end) / 2
	}
	res, err := call(ctx, b.client, timeout, ask{method: http.MethodGet, path: "/"})
	return res, noAnswer(err)
}

// noAnswer says in words that a limit has passed.
func noAnswer(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return err
}

// isProductRefusal reports whether the client's own product check has failed, which has no type of error.
func isProductRefusal(err error) bool {
	return strings.Contains(err.Error(), "the client noticed that the server is not")
}

func errProduct(err error) error {
	return &goatee.ConfigError{
		Setting: SettingAddress, Problem: "the client refuses this server", Err: err,
		Remedy: "give the address of an Elasticsearch 7 or 8; for OpenSearch wrap the client's Transport in sink.Transport",
	}
}

func unreachable(err error) error {
	return &goatee.ConfigError{
		Setting: SettingAddress, Problem: "Elasticsearch cannot be reached", Err: err,
		Remedy: "check address, port, http or https, and that at least one node runs",
	}
}

func checkAnswer(r reply) error {
	switch {
	case r.status == http.StatusUnauthorized:
		return &goatee.ConfigError{
			Setting: SettingCredentials, Problem: "Elasticsearch does not accept the credentials (status 401)",
			Remedy: "check user and password, or the API key",
		}
	case r.status == http.StatusForbidden:
		return &goatee.ConfigError{
			Setting: SettingCredentials, Problem: "the user may not ask Elasticsearch for its version (status 403)",
			Remedy: "grant the cluster privilege monitor, and write, create_index and delete_index on the indices",
		}
	case r.status != http.StatusOK:
		return &goatee.ConfigError{
			Setting: SettingAddress, Problem: "Elasticsearch is not ready", Err: requestError(r),
			Remedy: "check that the address is Elasticsearch's own and that it is up",
		}
	}
	return checkVersion(gjson.GetBytes(r.body, "version"))
}

func checkVersion(version gjson.Result) error {
	number := version.Get("number").String()
	major, _, _ := strings.Cut(number, ".")
	n, err := strconv.Atoi(major)
	switch {
	case err != nil:
		return &goatee.ConfigError{
			Setting: SettingAddress, Problem: "what answers there is not Elasticsearch",
			Remedy: "give the address of an Elasticsearch 7 or 8 or an OpenSearch",
		}
	case version.Get("distribution").String() != "opensearch" && n < 7:
		return &goatee.ConfigError{
			Setting: SettingAddress, Problem: fmt.Sprintf("Elasticsearch %.20s is too old", number),
			Remedy: "use Elasticsearch 7 or 8 or OpenSearch",
		}
	}
	return nil
}
