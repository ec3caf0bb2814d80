#!/usr/bin/env bash
# Installs another Claude Code CLI, records the corpus with it, and prints what changed since the stored recordings. See
# usage() below.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.tools/bin:$PWD/node_modules/.bin:$PATH"
readonly package=@anthropic-ai/claude-code

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  cat <<'END'
Usage: deploy/update-engine.sh [VERSION]

Selects the version of the Claude Code CLI that CCSP is developed and tested with (default: the newest on npm):
  1. writes it into packages/testkit/package.json and pnpm-lock.yaml, and installs it (nothing to do when it is installed)
  2. runs every case of services/executor/test/recording-cases.ts with it against the simulated model, and writes its output to
     services/executor/test/recordings/VERSION
  3. compares that with the newest earlier recordings, and prints the changes: ends, messages, fields
Exit code 1 when a run no longer ends as its case says, or prints a line that the engine's reader does not understand.
END
  exit
fi

version=${1:-$(npm view "$package" version)}
installed=$(node -p "require('./packages/testkit/package.json').optionalDependencies['$package']")
if [[ $version == "$installed" ]]; then
  echo "update-engine: $package $version is installed"
else
  echo "update-engine: $package $installed -> $version"
  pnpm --filter @ccsp/testkit add --save-optional --save-exact "$package@$version"
  deploy/setup.sh node
fi

echo "update-engine: recording (two minutes)"
node --import tsx --conditions ccsp-src services/executor/test/record.ts
node --import tsx --conditions ccsp-src services/executor/test/compare-recordings.ts "$version"
