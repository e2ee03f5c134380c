module github.com/goatee-sync/goatee

go 1.25.0

require (
	github.com/elastic/go-elasticsearch/v7 v7.17.10 // indirect
	github.com/evanphx/json-patch v0.5.2 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	go.mongodb.org/mongo-driver v1.17.10 // indirect
	go.uber.org/goleak v1.3.0 // indirect
)
