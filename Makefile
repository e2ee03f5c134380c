# Every command works from a fresh clone. `make help` lists them.

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
MODULES  := $(shell go list -f '{{.Dir}}' -m)
SERVERS  := go run ./internal/testservers/cmd

.PHONY: help test fmt vet lint tidy unit crash bench fuzz demo servers

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

test: fmt vet lint unit ## everything: formatting, vet, lint, every module's tests with -race on real servers

fmt: ## fail when a file is not formatted
	@out=$$(gofmt -l .); test -z "$$out" || { echo "gofmt needed:"; echo "$$out"; exit 1; }

vet: ## go vet, every module
	@for m in $(MODULES); do (cd $$m && go vet ./...) || exit 1; done

lint: ## golangci-lint, every module
	@for m in $(MODULES); do (cd $$m && go run $(GOLANGCI) run ./...) || exit 1; done

unit: ## every module's tests with -race, on servers started for them
	$(SERVERS) -- sh -c 'for m in $(MODULES); do (cd $$m && go test -race -timeout 30m ./...) || exit 1; done'

crash: ## the kill test with many rounds: make crash KILLS=200
	cd examples && go test -timeout 4h -run Kill ./e2e -kills $(or $(KILLS),200) -v

bench: ## the whole pipeline against the ceiling and against a hand-written one
	cd examples && go run ./bench $(ARGS)

fuzz: ## the transcoder, for FUZZTIME
	go test -run '^$$' -fuzz FuzzAppendDocument -fuzztime $(or $(FUZZTIME),30s) ./internal/bsonjson

demo: ## the main job from nothing: make demo ARGS=-keep
	go run ./examples/demo $(ARGS)

servers: ## MongoDB and Elasticsearch to play with, until Ctrl-C
	$(SERVERS)

tidy: ## go mod tidy, every module
	@for m in $(MODULES); do (cd $$m && go mod tidy) || exit 1; done
