#!/bin/bash
# promtool, which checks the alerts and their tests: the one on the PATH, else out of Debian's prometheus, whose
# server is neither installed nor started. Without it three tests fail in CI and are skipped, loudly, elsewhere.
set -eu
cd "$(dirname "$0")/.."
if command -v promtool >/dev/null || [ -x .venv/bin/promtool ]; then exit 0; fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
if command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
  echo "setting up promtool ..."
  [ "$(id -u)" = 0 ] && { apt-get update -qq >/dev/null 2>&1 || true; }
  (cd "$place" && apt-get download -qq prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb .) || true
fi
if [ -x "$place/usr/bin/promtool" ]; then
  install -m 755 "$place/usr/bin/promtool" .venv/bin/promtool
else
  echo "promtool is missing and could not be set up (Debian: apt install prometheus): alerts are not run" >&2
fi
