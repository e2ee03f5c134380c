package testservers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Elastic is a running Elasticsearch with a single node. Its methods may be called concurrently.
type Elastic struct {
	url     string
	process *process // nil when the server is shared
	dir     *workdir
}

// StartElastic starts an Elasticsearch of one's own, which runs until Close and no longer than this process. ctx bounds
// only the start.
func StartElastic(ctx context.Context, opts ...ElasticOption) (*Elastic, error) {
	cfg, err := newElasticConfig(opts)
	if err != nil {
		return nil, err
	}
	dir, err := newWorkdir("elasticsearch")
	if err != nil {
		return nil, err
	}
	e, err := startElasticIn(ctx, dir, cfg)
	if err != nil {
		return nil, errors.Join(err, dir.close())
	}
	return e, nil
}

// startElasticIn starts the node in dir and waits until it answers.
func startElasticIn(ctx context.Context, dir *workdir, cfg elasticConfig) (*Elastic, error) {
	k, err := findKind(cfg.kind)
	if err != nil {
		return nil, err
	}
	if err := requireTools(k.name, "java"); err != nil {
		return nil, err
	}
	installed, err := installKind(ctx, k)
	if err != nil {
		return nil, err
	}
	var e *Elastic
	err = retryPorts(cfg.port != 0, func() error {
		if e, err = newElastic(dir, installed, k, cfg); err != nil {
			return err
		}
		if err := e.Start(ctx); err != nil {
			return errors.Join(err, e.Kill())
		}
		return nil
	})
	return e, err
}

// newElastic chooses the port and prepares the node's folder.
func newElastic(dir *workdir, installed string, k kind, cfg elasticConfig) (*Elastic, error) {
	port := cfg.port
	if port == 0 {
		ports, err := freePorts(1)
		if err != nil {
			return nil, err
		}
		port = ports[0]
	}
	home := filepath.Join(dir.path, "home")
	if err := os.MkdirAll(filepath.Join(home, "config"), 0o700); err != nil {
		return nil, err
	}
	return &Elastic{
		url:     fmt.Sprintf("http://127.0.0.1:%d", port),
		process: &process{name: "elasticsearch", dir: dir.path, argv: javaCommand(installed, home, port, k, cfg)},
		dir:     dir,
	}, nil
}

func javaCommand(installed, home string, port int, k kind, cfg elasticConfig) []string {
	classPath := filepath.Join(installed, "classes") + string(os.PathListSeparator) + filepath.Join(installed, "lib", "*")
	argv := []string{
		"java", "-Xms" + cfg.heap, "-Xmx" + cfg.heap, "-XX:+UseSerialGC",
		"-Djava.io.tmpdir=" + home,
		"-Dlog4j2.disable.jmx=true",
		"-Dlog4j2.configurationFile=" + filepath.Join(installed, "log4j2.properties"),
	}
	argv = append(argv, k.jvm...)
	argv = append(argv, "-cp", classPath, "Launcher")
	argv = append(argv, k.plugins...)
	argv = append(argv,
		"path.home="+home,
		"network.host=127.0.0.1",
		fmt.Sprintf("http.port=%d", port),
		"http.type=netty4",
		"transport.port=0", // chosen by the system
		"transport.type=netty4",
		"discovery.type=single-node",
		"cluster.name=goatee",
		"node.name=goatee",
		"cluster.routing.allocation.disk.threshold_enabled=false",
	)
	argv = append(argv, k.settings...)
	return append(argv, cfg.settings...)
}

// URL returns the address, without credentials and without a slash at the end.
func (e *Elastic) URL() string { return e.url }

// Kill kills the node at once.
func (e *Elastic) Kill() error { return e.own((*process).kill) }

// Stop shuts the node down in good order.
func (e *Elastic) Stop() error { return e.own((*process).stop) }

// Pause stops the node from doing anything while its connections stay open.
func (e *Elastic) Pause() error {
	return e.own(func(p *process) error { return p.signal(syscall.SIGSTOP) })
}

// Resume lets a paused node go on.
func (e *Elastic) Resume() error {
	return e.own(func(p *process) error { return p.signal(syscall.SIGCONT) })
}

// Start starts a killed or stopped node on its old port and data and waits until its indices are available.
func (e *Elastic) Start(ctx context.Context) error {
	return e.own(func(p *process) error {
		ctx, cancel := context.WithTimeout(ctx, startLimit)
		defer cancel()
		if err := p.start(); err != nil {
			return err
		}
		return e.wait(ctx)
	})
}

// Close kills the node and removes its data. Closing a shared server does nothing.
func (e *Elastic) Close() error {
	if e.process == nil {
		return nil
	}
	return errors.Join(e.Kill(), e.dir.close())
}

func (e *Elastic) own(do func(*process) error) error {
	if e.process == nil {
		return ErrShared
	}
	return do(e.process)
}

// wait polls until every primary shard is available.
func (e *Elastic) wait(ctx context.Context) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	// Whoever else listens on the port may accept the connection and say nothing.
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	for {
		err := checkHealth(ctx, client, e.url)
		if err == nil {
			return nil
		}
		if err := e.process.failed(); err != nil {
			return err
		}
		if pauseErr := pause(ctx, pollInterval); pauseErr != nil {
			return fmt.Errorf("Elasticsearch is not ready (%w): %w; the end of its log:\n%s", pauseErr, err,
				lastLines(readLog(e.process.logPath(), e.process.logStart)))
		}
	}
}

func checkHealth(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/_cluster/health?wait_for_status=yellow&timeout=1s", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("cluster health answers %s", resp.Status)
	}
	return nil
}
