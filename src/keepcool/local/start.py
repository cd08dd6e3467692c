"""Entry points for the command line, with this machine's clock and entropy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.local import hosts
from keepcool.local.brokerhosts import Cluster
from keepcool.local.install import Say, install
from keepcool.local.layout import Layout
from keepcool.local.plan import Plan


def install_here(plan: Plan, say: Say) -> Layout:
    return install(plan, say, SystemClock(), SystemEntropy())


def split_here(places: Layout, into: Path, wanted: hosts.Hosts, say: Say) -> list[str]:
    return hosts.split(places, into, wanted, SystemClock().now_ms() // 1000, say)


def brokers_here(places: Layout, into: Path, cluster: Cluster) -> list[str]:
    return hosts.brokers(places, into, cluster, SystemClock().now_ms() // 1000)


def certificates_here(places: Layout, into: Path, parts: Mapping[str, str]) -> list[Path]:
    return hosts.certificates(places, into, parts, SystemClock().now_ms() // 1000)
