#!/bin/bash
# Writes a new random secret into a file that only its owner can read. It never replaces a file.
set -euo pipefail
umask 077
set -o noclobber
head -c 48 /dev/urandom | base64 >"$1"
