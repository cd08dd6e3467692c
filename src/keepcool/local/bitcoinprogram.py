"""Where litecoind and bitcoind are on this host: installed, or laid into the build folder by `make setup`.

Debian's /usr/bin/litecoind is a shell script that writes into the home folder; the node itself is beside it.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keepcool.core.errors import Unavailable

_NEVER = 4_000_000_000  # extension blocks would begin at height 432, and no block without a peg-in be valid
_DEBIAN_LITECOIND = Path("usr/lib/litecoin/litecoind")


@dataclass(frozen=True, slots=True)
class Program:
    """`options` are what this one needs on regtest, `environment` what it needs to find its libraries."""

    name: str
    file: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def build_folder() -> Path:
    """Where `make setup` puts what it cannot install: of this checkout, or KEEPCOOL_BUILD."""
    given = os.environ.get("KEEPCOOL_BUILD")
    candidates = [Path(given)] if given else [Path("build"), Path(__file__).parents[3] / "build"]
    return next((one for one in candidates if (one / "litecoin").is_dir()), candidates[-1])


def litecoind(build: Path | None = None) -> Program:
    """Raises Unavailable with the mend when there is none."""
    options = ("-mempoolreplacement=1", f"-vbparams=mweb:{_NEVER}:{_NEVER}")
    own = (build or build_folder()).absolute() / "litecoin"
    for file, environment in (
        (_on_path("litecoind"), {}),
        (Path("/") / _DEBIAN_LITECOIND, {}),
        (own / _DEBIAN_LITECOIND, {"LD_LIBRARY_PATH": _libraries(own)}),
    ):
        if file is not None and file.is_file():
            return Program("litecoind", file, options, environment)
    raise Unavailable("litecoind.program", "litecoind is missing; run: make setup (or apt install litecoind)")


def bitcoind() -> Program:
    """Raises Unavailable with the mend when there is none."""
    file = _on_path("bitcoind")
    if file is None:
        text = "bitcoind is missing; install Bitcoin Core and put its bin folder on the PATH"
        raise Unavailable("bitcoind.program", text)
    return Program("bitcoind", file)


def _on_path(name: str) -> Path | None:
    """The program itself; a script that only starts it is passed over."""
    found = shutil.which(name)
    if found is None:
        return None
    with Path(found).open("rb") as file:
        return None if file.read(2) == b"#!" else Path(found)


def _libraries(root: Path) -> str:
    cpu = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return f"{root}/usr/lib/{cpu}-linux-gnu:{root}/lib/{cpu}-linux-gnu"
