#!/bin/bash
# A PostgreSQL server for the tests: the one on the PATH, else Debian's. Tests start their own, in a folder of
# their own, on a Unix socket; the cluster Debian may set up beside it is not used.
set -eu
ready() { command -v initdb >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; }
if ready; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "setting up postgresql ..."
  apt-get update -qq >/dev/null 2>&1 || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null 2>&1 \
    && ready && exit 0
fi
echo "postgresql is missing and could not be installed: App's books are tested on SQLite alone" >&2
echo "(Debian: apt install postgresql)" >&2
[ "${CI:-}" != true ]
