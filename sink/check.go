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
)

// checkTimeout bounds Check.
const checkTimeout = 10 * time.Second

const (
	settingURLs = "elasticsearch-urls"
	settingUser = "elasticsearch-user"
)

// Check asks Elasticsearch who it is. Its error is a *goatee.ConfigError when Elasticsearch cannot be reached within
// 10 seconds, does not accept the credentials, or is something else or too old.
func (b *Bulk) Check(ctx context.Context) error {
	res, err := call(ctx, b.client, checkTimeout, http.MethodGet, "/", nil, "")
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return unreachable(err)
	}
	return checkAnswer(res)
}

func unreachable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", checkTimeout)
	}
	// The client has a product check of its own, and no type for its error.
	if strings.Contains(err.Error(), "the client noticed that the server is not") {
		return &goatee.ConfigError{
			Setting: settingURLs, Problem: "the client refuses this server", Err: err,
			Remedy: "give the address of an Elasticsearch 7 or 8; for OpenSearch wrap the client's Transport in sink.Transport",
		}
	}
	return &goatee.ConfigError{
		Setting: settingURLs, Problem: "Elasticsearch cannot be reached", Err: err,
		Remedy: "check address, port, http or https, and that Elasticsearch runs",
	}
}

func checkAnswer(r reply) error {
	switch {
	case r.status == http.StatusUnauthorized:
		return &goatee.ConfigError{
			Setting: settingUser, Problem: "Elasticsearch does not accept the credentials (status 401)",
			Remedy: "check elasticsearch-user and elasticsearch-password, or the API key",
		}
	case r.status == http.StatusForbidden:
		return &goatee.ConfigError{
			Setting: settingUser, Problem: "the user may not ask Elasticsearch for its version (status 403)",
			Remedy: "grant the cluster privilege monitor, and write, create_index and delete_index on the indices",
		}
	case r.status != http.StatusOK:
		return &goatee.ConfigError{
			Setting: settingURLs, Problem: "Elasticsearch is not ready", Err: requestError(r),
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
			Setting: settingURLs, Problem: "what answers there is not Elasticsearch",
			Remedy: "give the address of an Elasticsearch 7 or 8 or an OpenSearch",
		}
	case version.Get("distribution").String() != "opensearch" && n < 7:
		return &goatee.ConfigError{
			Setting: settingURLs, Problem: fmt.Sprintf("Elasticsearch %.20s is too old", number),
			Remedy: "use Elasticsearch 7 or 8 or OpenSearch",
		}
	}
	return nil
}
