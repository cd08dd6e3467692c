#!/bin/bash
# litecoind for the demo and live tests: the one on the PATH, else Debian's, else Debian's laid into build/.
set -eu
cd "$(dirname "$0")/.."
own=build/litecoin
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
  local version
  for version in "litecoind=0.21.*" litecoind; do
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$version" \
      >/dev/null 2>&1 && ready && return
  done
  return 1
}

packages() { # litecoind and its libraries, but for those that belong to the system's own loader
  echo litecoind
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances litecoind 2>/dev/null | grep '^lib' | sort -u | grep -vxE 'libc6|libgcc-s1|libstdc\+\+6|libcrypt1'
}

lay_into_build() {
  rm -rf "$own" && mkdir -p "$own/debs"
  (cd "$own/debs" && for one in $(packages); do apt-get download -qq "$one" >/dev/null 2>&1 || true; done)
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
