package testservers

import "fmt"

// MongoOption configures MongoDB.
type MongoOption interface{ applyMongo(*mongoConfig) error }

// ElasticOption configures Elasticsearch.
type ElasticOption interface{ applyElastic(*elasticConfig) error }

// Option configures either server.
type Option interface {
	MongoOption
	ElasticOption
}

type mongoConfig struct {
	dedicated  bool
	members    int
	standalone bool
	user       string
	password   string
	port       int // of the first member; 0 chooses
	oplogMB    int
	args       []string
}

type elasticConfig struct {
	dedicated bool
	kind      string
	heap      string
	port      int // 0 chooses
	settings  []string
}

func newMongoConfig(opts []MongoOption) (mongoConfig, error) {
	cfg := mongoConfig{members: 1, oplogMB: 256}
	for _, opt := range opts {
		if err := opt.applyMongo(&cfg); err != nil {
			return cfg, err
		}
	}
	if cfg.standalone && (cfg.members > 1 || cfg.user != "") {
		return cfg, fmt.Errorf("testservers: Standalone goes with neither Members nor Auth")
	}
	return cfg, nil
}

func newElasticConfig(opts []ElasticOption) (elasticConfig, error) {
	cfg := elasticConfig{kind: Elasticsearch7, heap: "512m"}
	for _, opt := range opts {
		if err := opt.applyElastic(&cfg); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// mongoOption is an option that asks for a server of one's own.
type mongoOption func(*mongoConfig) error

func (o mongoOption) applyMongo(cfg *mongoConfig) error {
	cfg.dedicated = true
	return o(cfg)
}

// elasticOption is an option that asks for a server of one's own.
type elasticOption func(*elasticConfig) error

func (o elasticOption) applyElastic(cfg *elasticConfig) error {
	cfg.dedicated = true
	return o(cfg)
}

type dedicated struct{}

func (dedicated) applyMongo(cfg *mongoConfig) error     { cfg.dedicated = true; return nil }
func (dedicated) applyElastic(cfg *elasticConfig) error { cfg.dedicated = true; return nil }

// Dedicated asks for a server of one's own, which the test may kill, stop, pause and start again. Default: shared.
func Dedicated() Option { return dedicated{} }

// Members sets the number of members of a dedicated replica set, 1 to 7. Default: 1.
func Members(n int) MongoOption {
	return mongoOption(func(cfg *mongoConfig) error {
		if n < 1 || n > 7 {
			return fmt.Errorf("testservers: Members(%d): a replica set has 1 to 7 voting members", n)
		}
		cfg.members = n
		return nil
	})
}

// Standalone asks for a dedicated mongod that is no replica set and therefore has no change streams.
func Standalone() MongoOption {
	return mongoOption(func(cfg *mongoConfig) error { cfg.standalone = true; return nil })
}

// Auth has a dedicated replica set demand credentials; the user has the role root. Default: none.
func Auth(user, password string) MongoOption {
	return mongoOption(func(cfg *mongoConfig) error {
		if user == "" || password == "" {
			return fmt.Errorf("testservers: Auth: user and password must not be empty")
		}
		cfg.user, cfg.password = user, password
		return nil
	})
}

// OplogMB sets the size in megabytes of a dedicated replica set's oplog. Default: 256.
func OplogMB(n int) MongoOption {
	return mongoOption(func(cfg *mongoConfig) error {
		if n < 1 {
			return fmt.Errorf("testservers: OplogMB(%d) must be positive", n)
		}
		cfg.oplogMB = n
		return nil
	})
}

// Args adds arguments to every mongod of a dedicated server, such as "--setParameter", "enableTestCommands=1".
func Args(args ...string) MongoOption {
	return mongoOption(func(cfg *mongoConfig) error { cfg.args = append(cfg.args, args...); return nil })
}

// MongoPort sets the port of the first member of a dedicated server. Default: a free one.
func MongoPort(port int) MongoOption {
	return mongoOption(func(cfg *mongoConfig) error { cfg.port = port; return nil })
}

// Kind asks for another search server than Elasticsearch 7; the constants of this package name the kinds.
func Kind(name string) ElasticOption {
	return elasticOption(func(cfg *elasticConfig) error { cfg.kind = name; return nil })
}

// Heap sets the heap of a dedicated Elasticsearch in Java's notation, such as "2g". Default: "512m".
func Heap(size string) ElasticOption {
	return elasticOption(func(cfg *elasticConfig) error { cfg.heap = size; return nil })
}

// Settings adds settings of the form "name=value" to a dedicated Elasticsearch.
func Settings(settings ...string) ElasticOption {
	return elasticOption(func(cfg *elasticConfig) error { cfg.settings = append(cfg.settings, settings...); return nil })
}

// ElasticPort sets the HTTP port of a dedicated Elasticsearch. Default: a free one.
func ElasticPort(port int) ElasticOption {
	return elasticOption(func(cfg *elasticConfig) error { cfg.port = port; return nil })
}
