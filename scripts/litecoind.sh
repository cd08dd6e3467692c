#!/bin/bash
# litecoind for the demo and live tests: the one on the PATH, else Debian's, else Debian's laid into build/.
set -eu
cd "$(dirname "$0")/.."
own=build/litecoin
packages="litecoind libboost-filesystem1.74.0 libboost-thread1.74.0 libdb5.3++ libevent-2.1-7
  libevent-pthreads-2.1-7 libfmt9 libleveldb1d libminiupnpc17 libsnappy1v5 libssl3"

# Debian's /usr/bin/litecoind is a shell script; the node itself lies beside it
node() {
  local found; found=$(command -v litecoind || true)
  if [ -n "$found" ] && [ "$(head -c 2 "$found")" != '#!' ]; then echo "$found"; return; fi
  for found in /usr/lib/litecoin/litecoind $own/usr/lib/litecoin/litecoind; do
    if [ -x "$found" ]; then echo "$found"; return; fi
  done
}

runs() { # the libraries are those of the installation, or those beside it
  LD_LIBRARY_PATH=$(echo "$own"/usr/lib/*-linux-gnu) "$1" -version >/dev/null 2>&1
}

ready() { local found; found=$(node); [ -n "$found" ] && runs "$found"; }

install_it() {
  [ "$(id -u)" = 0 ] || return 1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "litecoind=0.21.*" \
    >/dev/null 2>&1 && ready
}

lay_into_build() {
  rm -rf "$own" && mkdir -p "$own/debs"
  (cd "$own/debs" && for one in $packages; do apt-get download -qq "$one" >/dev/null 2>&1 || true; done)
  for one in "$own"/debs/*.deb; do [ -f "$one" ] && dpkg -x "$one" "$own"; done
  rm -rf "$own/debs"
  ready
}

if ready; then exit 0; fi
if command -v apt-get >/dev/null; then
  echo "setting up litecoind ..."
  [ "$(id -u)" = 0 ] && { apt-get update -qq >/dev/null 2>&1 || true; }
  if install_it || lay_into_build; then exit 0; fi
fi
echo "litecoind is missing and could not be installed: the Bitcoin demo and live tests need it" >&2
echo "(Debian: apt install litecoind; elsewhere put litecoind of Litecoin Core on the PATH)" >&2
[ "${CI:-}" != true ]
