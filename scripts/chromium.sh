#!/bin/bash
# A Chromium for the tests in a real browser: the one on the PATH, else Debian's.
set -eu
if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then
  exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "setting up chromium ..."
  apt-get update -qq >/dev/null 2>&1 || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 \
    && command -v chromium >/dev/null && exit 0
fi
echo "chromium is missing and could not be installed: the desk is not tested in a browser" >&2
echo "(Debian: apt install chromium)" >&2
[ "${CI:-}" != true ]
