.DEFAULT_GOAL := help
SHELL := /bin/bash
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/node_modules/.bin:$(PATH)
# Tools that cache, such as buf, write below this folder, unless the environment names another place.
export XDG_CACHE_HOME ?= $(CURDIR)/.tools/cache

# The tests of Redis' users, scripts, Sentinels and Cluster, for another Redis.
REDIS := packages/e2e/test/redis-users.test.ts packages/fleet/test/redis.test.ts 'packages/redis-kit/test/*.test.ts' \
  packages/events/test/cluster.test.ts services/monitor/test/gaps.test.ts \
  services/queue/test/{every-script,failover,failover-asked,redis-refuses,conversations}.test.ts
UNIT := 'packages/*/src/**/*.test.ts' 'services/*/src/**/*.test.ts'
E2E := 'packages/e2e/test/**/*.test.ts'
LIVE := 'services/*/test/**/*.test.ts' 'packages/!(e2e)/test/**/*.test.ts'
# The files of E2E and LIVE by turns: those of the whole fleet use the cores, and those of one service mostly wait. Long
# files come first, so that the parallel jobs end at about the same time.
BY_TURNS = $$(paste -d' ' <(printf '%s\n' packages/e2e/test/*.test.ts) <(printf '%s\n' services/*/test/*.test.ts)) \
  'packages/!(e2e)/test/**/*.test.ts'
PROOFS := node .ci/proofs.mjs
MOCHA := mocha --reporter ./mocha-reporter.cjs
FAST := $(MOCHA) --ignore '**/*.slow.test.ts'
# Four at a time keep two cores busy: a file waits for half of its time. The limits of time follow the machine.
SIDE_BY_SIDE := --parallel --jobs 4
ON_NODE22 := PATH="$(CURDIR)/.tools/node22/bin:$$PATH"
ON_REDIS8 := REDIS_SERVER_BIN="$(CURDIR)/.tools/redis8/bin/redis-server"
CCSP := node packages/cli/bin/ccsp.js

BENCHES := bench-submit bench-queue bench-monitor bench-adaptation bench-forecast bench-strangers bench-live bench-ttft bench-rest bench-traces bench-idle
.PHONY: $(BENCHES) bench-brief
.PHONY: help setup packages demo up down logs test test-slow test-slow-changed test-unit test-unit-node22 test-redis8 test-stubs test-jaeger test-integration test-e2e coverage test-node22 test-real-cli update-engine soak-executor soak-queue \
  chaos check python pack images gen docs docs-picture shape lint types format proto build clean

help:
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Use it
# One prompt goes through everything with the real Claude Code CLI, against the simulated model. CCSP_LIVE=1 uses your own
# login and the real model instead.
demo: setup ## start all services, run one prompt, stop (CCSP_LIVE=1: with your login)
	@node packages/demo/dist/main.js

# The fleet runs in the background.
up: setup ## start Redis, Consul and all services in the background (UP=--simulator: needs no login)
	@$(CCSP) up --detach $(UP)

down: ## stop what make up started (does nothing when nothing runs)
	@$(CCSP) down

logs: ## follow the logs of what make up started
	@$(CCSP) logs -f

setup: ## get what this machine lacks, and build (other targets do it when needed)
	@deploy/setup.sh

# Gets only what checks and the compiler need: no Redis and no Consul.
packages:
	@deploy/setup.sh node

##@ Test it
# Tests and benchmarks start some thousand processes. With what Node has compiled before, each of them starts faster.
test test-integration test-e2e bench-brief: export NODE_COMPILE_CACHE ?= $(CURDIR)/.tools/cache/node
test: setup ## run all tests except the slow ones, four files at a time
	@$(FAST) $(SIDE_BY_SIDE) $(BY_TURNS) $(UNIT)

# Runs the files *.slow.test.ts, compares the queue with its model in 30,000 steps, runs the unit tests and one task on
# Node 22, and the demo and the tests of Redis on Redis 8.0. It records what passed in .ci/proofs.json. PROOF=fuzz runs
# the proofs with this word in their names.
test-slow: setup ## run the tests that take over 30 s, and some on Node 22 and Redis 8 (PROOF=name)
	@$(PROOFS) run $(PROOF)

# What .ci/run runs of them.
test-slow-changed: setup ## run the slow tests whose inputs differ from those with which they last passed
	@$(PROOFS) run --changed --no-record

test-unit-node22: packages
	@deploy/setup.sh node22
	@$(ON_NODE22) $(MOCHA) $(UNIT) packages/e2e/test/one-task.test.ts

# The demo, and the tests of what depends on the release of Redis. It downloads Redis 8.0 if needed.
test-redis8: setup
	@deploy/setup.sh redis8
	@$(ON_REDIS8) $(MOCHA) $(REDIS)
	@$(ON_REDIS8) node packages/demo/dist/main.js

# They download modules, so that CI does not run them.
test-stubs: setup ## build and run the agents of docs/other-languages.md, where their tools are
	@$(PROOFS) run stubs

test-jaeger: setup ## search the traces of a fleet in a real Jaeger, behind a real collector (needs Go)
	@deploy/setup.sh jaeger
	@$(PROOFS) run jaeger

test-unit: packages ## run the tests that start no server and no other process
	@$(MOCHA) $(UNIT)

test-integration: setup ## run the tests that start Redis, Consul, servers or engines
	@$(FAST) $(LIVE)

test-e2e: setup ## run the tests of the whole fleet
	@$(FAST) $(E2E)

# The report is coverage/index.html.
coverage: setup ## report which lines the unit and integration tests run
	@c8 $(FAST) $(SIDE_BY_SIDE) $(LIVE) $(UNIT); status=$$?; rm -rf coverage/tmp; exit $$status

# Downloads Node 22 if needed.
test-node22: setup ## run all tests except the slow ones on Node 22, the oldest supported
	@deploy/setup.sh node22
	@$(ON_NODE22) $(FAST) $(SIDE_BY_SIDE) $(E2E) $(LIVE) $(UNIT)

# CLAUDE=old downloads version 2.1.197 if needed.
test-real-cli: setup ## run the tests with the real Claude Code CLI (CLAUDE=old: with 2.1.197)
	@$(if $(CLAUDE),deploy/setup.sh claude-$(CLAUDE))
	@$(if $(CLAUDE),CCSP_TEST_CLAUDE_CODE_BIN="$$(readlink -f .tools/claude-$(CLAUDE)/claude)") $(MOCHA) \
	  $$(grep -lE '\b(CLAUDE_CODE_BIN|simulatedEngine|startWorld|realCli|useSimulatedCli)\b' -r packages/*/test services/executor/test --include='*.test.ts')

# Installs the CLI, records it, and prints what changed since the previous recordings. VERSION chooses another version.
update-engine: setup ## install the newest Claude Code CLI, print what changed (VERSION=...)
	@deploy/update-engine.sh $(VERSION)

# Checks what the runs leave on the host. Takes three minutes.
soak-executor: setup ## do 1,000 runs with random cancels and crashes, search for leftovers
	@CCSP_SOAK_RUNS=1000 $(MOCHA) services/executor/test/soak.slow.test.ts

# Checks everything that must hold before a commit, also generated code and pages, and imports between packages.
check: proto types lint ## run the checks before a commit: protos, types, lint, format, unit tests
	@$(MOCHA) $(UNIT) packages/e2e/test/import-graph.test.ts packages/e2e/test/documentation.test.ts

# Does 100,000 random steps on each kind of Redis. STEPS=5000 does fewer steps, and SEED repeats the same ones.
soak-queue: setup ## compare the queue with its model in random steps (STEPS=..., SEED=...)
	@CCSP_SOAK_STEPS=$(or $(STEPS),100000) $(if $(SEED),CCSP_SEED=$(SEED)) $(MOCHA) services/queue/test/random.test.ts

# The check proves that each task ended exactly once. CHAOS='--help' explains more.
chaos: setup ## run 10,000 tasks during faults, then check each end (CHAOS=--help)
	@node --import tsx --conditions ccsp-src packages/chaos/src/main.ts $(CHAOS)

##@ Measure it
# Every bench target prints each of its figures as a last line `ratio <name> <value>`.
bench-submit: setup ## measure submits at a steady rate, print lines `ratio <name> <value>`
	@node --import tsx --conditions ccsp-src packages/e2e/bench/submit.ts

# ONLY chooses some of the figures.
bench-queue: setup ## compare the queue with BullMQ and a bare gRPC echo (ONLY=enqueue,done)
	@node --import tsx --conditions ccsp-src services/queue/bench/main.ts

# Replays a synthetic day of 1,000,000 attempts and compares every sum. ENDS=100000 replays fewer.
bench-monitor: setup ## measure how fast usage is counted, against the queue's rate of ends
	@node --import tsx --conditions ccsp-src services/monitor/bench/main.ts

# A simulation without a clock: the same numbers each time.
bench-adaptation: setup ## compare adaptation with fixed rates on simulated bursty days
	@node --import tsx --conditions ccsp-src services/monitor/bench/adaptation.ts

bench-forecast: setup ## measure the error of forecasts on three shapes of usage, against the last value
	@node --import tsx --conditions ccsp-src services/monitor/bench/forecast.ts

# In one case an agent abandons many calls. In the other case many clients read nothing.
bench-strangers: setup ## measure how abusive clients slow down an honest agent
	@node --import tsx --conditions ccsp-src packages/e2e/bench/strangers.ts

# 500 readers, of which 50 never read.
bench-live: setup ## measure how late events arrive over the WebSocket
	@node --import tsx --conditions ccsp-src packages/e2e/bench/live.ts

# Measures the fleet with and without a warm process, and a burst of 40 tasks.
bench-ttft: setup ## compare the time to the first text with that of the CLI alone
	@node --import tsx --conditions ccsp-src packages/e2e/bench/ttft.ts

# Also times the dashboard's first view, where Chromium is installed.
bench-rest: setup ## compare a submit by REST with one by gRPC, 1 minute
	@node --import tsx --conditions ccsp-src packages/e2e/bench/rest.ts

bench-traces: setup ## count the spans of a task and of an idle minute, 3 minutes
	@node --import tsx --conditions ccsp-src packages/e2e/bench/traces.ts

bench-idle: setup ## measure memory, start and processor of an idle fleet, as five processes and as one, 4 minutes
	@node --import tsx --conditions ccsp-src packages/e2e/bench/idle.ts

# The figures mean nothing. CI runs it, so that no benchmark breaks unseen. Two at a time use both cores of CI, and the
# set-up has just run.
bench-brief: setup ## start each benchmark for a moment, to see that it works
	@printf '%s\n' $(BENCHES) | xargs -n 1 -P 2 bash -c 'log=.tools/log/$$0.log; \
	  BRIEF=1 $(MAKE) --no-print-directory --old-file=setup $$0 >$$log 2>&1 && \
	    grep -q "^ratio" $$log && ! grep "^ratio.* NaN" $$log || \
	    { printf "%s\nfailed: make %s\n" "$$(tail -n 30 $$log)" $$0; exit 1; }'

##@ Change it
# It needs Docker. deploy/docker/build.sh --help names the variables.
images: ## build the container images of all services and of ccsp (ENGINES=...)
	@deploy/docker/build.sh

build: ## compile the TypeScript sources, and bundle what a checkout runs
	@deploy/setup.sh node build

# The files are for `npm install FILE` on other machines, and for `npm publish FILE`.
pack: build ## pack the SDK and the ccsp command into dist/, for npm
	@node .ci/pack/main.mjs

# Needs Debian's Python, and no network (clients/python/README.md). WHEELS names another folder for the result.
python: ## build the wheel of the Python client into clients/python/dist
	@/usr/bin/python3 -m pip wheel --quiet --no-index --no-deps --no-build-isolation \
	  --wheel-dir $(or $(WHEELS),clients/python/dist) clients/python

gen: packages ## generate what follows from proto/: packages/protos, and the schema of what ccsp prints
	@.ci/generate .
	@node --import tsx --conditions ccsp-src packages/cli/test/write-output-schema.ts

docs: packages ## write the generated parts of docs/ (settings, errors, metrics)
	@node --import tsx --conditions ccsp-src packages/docs-generator/src/generate.ts

docs-picture: setup ## make docs/first-run.svg and docs/trace.svg from what really runs (needs tmux)
	@node --import tsx --conditions ccsp-src packages/docs-generator/src/trace-picture.ts
	@node --import tsx --conditions ccsp-src packages/docs-generator/src/picture.ts

proto: packages ## lint proto/, check for breaking changes and for outdated generated code
	@cd proto && buf lint
	@.ci/proto-breaking
	@.ci/proto-generated

# The dashboard runs in browsers, so it is checked apart from the others.
types: packages ## check the types of sources and tests
	@tsc -p tsconfig.json --noEmit
	@tsc -p packages/dashboard

# Checks the import order too. Changes nothing.
lint: packages ## lint TypeScript, Lua and shell, check format and unused code
	@oxlint --type-aware --quiet packages services
	@biome check .
	@knip --no-progress --treat-config-hints-as-errors
	@node .ci/lint-lua.mjs
	@node .ci/lint-shell.mjs
	@$(PROOFS) check

shape: packages ## print how large the repository is, against the last release, and keep it in .ci/shape.json
	@node .ci/shape.mjs

format: packages ## format the code and sort the imports
	@biome check --write .

clean: ## delete the build output (deploy/setup.sh --help names other folders)
	@rm -rf dist .tools/bundles .tools/ccsp packages/*/dist services/*/dist packages/*/*.tsbuildinfo services/*/*.tsbuildinfo
