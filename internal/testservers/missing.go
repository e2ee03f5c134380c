package testservers

import (
	"fmt"
	"os/exec"
	"strings"
)

// MissingError says that a server can neither be found nor started on this machine, and what to do about it.
type MissingError struct {
	Server string // what was asked for, such as "MongoDB"
	Err    error  // what is missing
}

func (e *MissingError) Unwrap() error { return e.Err }

func (e *MissingError) Error() string {
	return fmt.Sprintf(`cannot start %s: %v. One of these helps:
  1. install python3 with pip, a JDK (17 or newer) and Maven, then run again: the servers install themselves
  2. with Docker: "docker compose up -d --wait" in the repository, then set
     %s='mongodb://127.0.0.1:27017/?replicaSet=rs0' and %s=http://127.0.0.1:9200
  3. set %s and %s to servers that already run`,
		e.Server, e.Err, EnvMongoDB, EnvElasticsearch, EnvMongoDB, EnvElasticsearch)
}

// requireTools returns a MissingError for server unless every tool is in PATH.
func requireTools(server string, tools ...string) error {
	var missing []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &MissingError{Server: server, Err: fmt.Errorf("not in PATH: %s", strings.Join(missing, ", "))}
}
