.DEFAULT_GOAL := help
SHELL := /bin/bash
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/node_modules/.bin:$(PATH)

UNIT := 'packages/*/src/**/*.test.ts' 'services/*/src/**/*.test.ts'
E2E := 'packages/e2e/test/**/*.test.ts'
# Long files come first, so that the parallel jobs end at about the same time.
LIVE := 'services/*/test/**/*.test.ts' 'packages/!(e2e)/test/**/*.test.ts'
SLOW := 'packages/*/test/**/*.slow.test.ts' 'services/*/test/**/*.slow.test.ts'
MOCHA := mocha --reporter ./mocha-reporter.cjs
FAST := $(MOCHA) --ignore '**/*.slow.test.ts'
# Runs files in parallel, because a test mostly waits for processes.
SIDE_BY_SIDE := --parallel --jobs 2
ON_NODE22 := PATH="$(CURDIR)/.tools/node22/bin:$$PATH"
CCSP := node packages/cli/bin/ccsp.js

.PHONY: help setup packages demo up down logs test test-slow test-unit test-integration test-e2e coverage test-node22 test-real-cli update-engine soak-executor soak-queue \
  chaos check bench-submit bench-queue bench-strangers bench-ttft gen lint types format proto build clean

help:
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Use it
demo: setup ## one prompt through everything, with the real Claude Code CLI; stops cleanly (CCSP_LIVE=1: your own login)
	@node packages/demo/dist/main.js

up: setup ## Redis, Consul and the five services in the background (UP=--simulator: no login needed)
	@$(CCSP) up --detach $(UP)

down: ## stop them
	@$(CCSP) down

logs: ## follow their logs
	@$(CCSP) logs -f

setup: ## get what this machine lacks, into this folder; build (the others do it when needed)
	@deploy/setup.sh

# Gets only what checks and the compiler need: no Redis and no Consul.
packages:
	@deploy/setup.sh node

##@ Test it
test: setup ## all tests but the slow ones, two files at a time
	@$(FAST) $(SIDE_BY_SIDE) $(E2E) $(LIVE) $(UNIT)

test-slow: setup ## proofs that take over 30 s: files *.slow.test.ts, the queue beside its model in 30,000 steps, one task on Node 22
	@deploy/setup.sh node22
	@status=0; CCSP_SOAK_STEPS=5000 $(MOCHA) $(SLOW) services/queue/test/random.test.ts || status=1; \
	  $(ON_NODE22) $(MOCHA) $(UNIT) packages/e2e/test/one-task.test.ts || status=1; exit $$status

test-unit: packages ## tests that start nothing
	@$(MOCHA) $(UNIT)

test-integration: setup ## tests that start Redis, Consul, servers, engines
	@$(FAST) $(LIVE)

test-e2e: setup ## tests of the whole fleet
	@$(FAST) $(E2E)

coverage: setup ## which lines the unit and integration tests run, into coverage/index.html
	@c8 $(FAST) $(SIDE_BY_SIDE) $(LIVE) $(UNIT); status=$$?; rm -rf coverage/tmp; exit $$status

test-node22: setup ## all tests on Node 22, the oldest that is supported, which it gets
	@deploy/setup.sh node22
	@$(ON_NODE22) $(FAST) $(SIDE_BY_SIDE) $(E2E) $(LIVE) $(UNIT)

test-real-cli: setup ## what is proved with the real Claude Code CLI (CLAUDE=old: on 2.1.197, which it gets)
	@$(if $(CLAUDE),deploy/setup.sh claude-$(CLAUDE))
	@$(if $(CLAUDE),CCSP_TEST_CLAUDE_CODE_BIN="$$(readlink -f .tools/claude-$(CLAUDE)/claude)") $(MOCHA) \
	  $$(grep -lE '\b(CLAUDE_CODE_BIN|simulatedEngine|startWorld|realCli)\b' -r packages/*/test services/executor/test --include='*.test.ts')

update-engine: setup ## the newest Claude Code CLI: install and record it, and print what changed since the recordings before (VERSION=…: that one)
	@deploy/update-engine.sh $(VERSION)

soak-executor: setup ## 1,000 runs with random cancels and crashes: what is left of them on the host; three minutes
	@CCSP_SOAK_RUNS=1000 $(MOCHA) services/executor/test/soak.slow.test.ts

check: proto types lint ## what must hold before a commit: contracts, generated code, types, lint, format, imports, unit tests
	@$(MOCHA) $(UNIT) packages/e2e/test/import-graph.test.ts

soak-queue: setup ## the queue beside its model in random courses of 100,000 steps on each kind of Redis (STEPS=5000: fewer; SEED: the same)
	@CCSP_SOAK_STEPS=$(or $(STEPS),100000) $(if $(SEED),CCSP_SEED=$(SEED)) $(MOCHA) services/queue/test/random.test.ts

chaos: setup ## 10,000 tasks while everything fails, then the proof that each ended once (CHAOS='--help' says more)
	@node --import tsx --conditions ccsp-src packages/e2e/chaos/main.ts $(CHAOS)

##@ Measure it
bench-submit: setup ## submit at a steady rate; each figure is a last line `ratio <name> <value>`
	@node --import tsx --conditions ccsp-src packages/e2e/bench/submit.ts

bench-queue: setup ## the queue against BullMQ and a bare gRPC echo, likewise (ONLY=enqueue,done for some figures)
	@node --import tsx --conditions ccsp-src services/queue/bench/main.ts

bench-strangers: setup ## what an honest agent notices of one that gives up calls and of many that read nothing, likewise
	@node --import tsx --conditions ccsp-src packages/e2e/bench/strangers.ts

bench-ttft: setup ## first text through the fleet, with a process that waited and without, and a burst of 40, against the CLI by itself
	@node --import tsx --conditions ccsp-src packages/e2e/bench/ttft.ts

##@ Change it
build: ## compile the TypeScript sources
	@deploy/setup.sh node build

gen: packages ## generate the stubs and the descriptor in packages/protos from proto/
	@.ci/generate .

proto: packages ## lint proto/, compare it with main for breaking changes and with the generated code
	@cd proto && buf lint
	@.ci/proto-breaking
	@.ci/proto-generated

types: packages ## check the types of sources and tests
	@tsc -p tsconfig.json --noEmit

lint: packages ## lint TypeScript, Lua and shell, format, import order, and what nothing uses; changes nothing
	@oxlint --type-aware --quiet packages services
	@biome check .
	@knip --no-progress --no-config-hints
	@node .ci/lint-lua.mjs
	@node .ci/lint-shell.mjs

format: packages ## format and sort imports
	@biome check --write .

clean: ## delete what was built (deploy/setup.sh --help says what else there is)
	@rm -rf packages/*/dist services/*/dist packages/*/*.tsbuildinfo services/*/*.tsbuildinfo
