"""Entry points for the command line, with this machine's clock and entropy."""

from __future__ import annotations

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.local.install import Say, install
from keepcool.local.layout import Layout
from keepcool.local.plan import Plan


def install_here(plan: Plan, say: Say) -> Layout:
    return install(plan, say, SystemClock(), SystemEntropy())
