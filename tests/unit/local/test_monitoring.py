"""Dashboard and alerts use numbers that exist, and Prometheus' own tool accepts the rules and their tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.monitoring import ALERTS, DASHBOARD, DEPLOY, expressions, used
from tests.fixtures.processes import missing

OF_OTHERS = {"up", "node_textfile_mtime_seconds"}  # Prometheus' and node_exporter's own
POOLS = {f"keepcool_pool_{one}" for one in ("coins_sat", "exposed_thousandths", "addresses_in_stock", "low")}


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if program is None:
        missing("promtool", "the package prometheus has it; PROMTOOL may name it")
    return subprocess.run([program, *words], cwd=ALERTS.parent, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def told() -> dict[str, set[str]]:
    """All numbers there are and their labels, from the page that is drawn from the program."""
    page = (DEPLOY.parent / "docs/reference/metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(keepcool_\w+)` \| \w+ \| ([^|]*) \|", page, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


@pytest.mark.parametrize("file", [DASHBOARD, ALERTS], ids=["dashboard", "alerts"])
def test_each_number_used_is_one_the_services_tell(told: dict[str, set[str]], file: Path) -> None:
    """By the names in the program itself; what running services expose is looked at by the live tests."""
    known = set(told) | POOLS | {"keepcool_pool_waiting_for_window"} | OF_OTHERS
    assert used(file)
    assert used(file) <= known


def test_labels_used_are_labels_there_are(told: dict[str, set[str]]) -> None:
    """A label that a number has not would silently never match."""
    labels = {name: {*own, "le", "instance", "job"} for name, own in told.items()}
    for expression in expressions(ALERTS) + expressions(DASHBOARD):
        for name, matched in re.findall(r"(keepcool_[a-z_]+)\{([^}]*)\}", expression):
            base = re.sub(r"_(total|bucket)$", "", name)
            assert set(re.findall(r"([a-z_]+)(?:=~|!~|!=|=)", matched)) <= labels[base], expression


def test_panels_have_names_and_places_of_their_own() -> None:
    """No two panels lie over one another, and each has a title."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    cells = [
        (x, y)
        for grid in (one["gridPos"] for one in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(one["title"] for one in panels)
    assert len({one["id"] for one in panels}) == len(panels)


def test_prometheus_accepts_the_rules() -> None:
    """`promtool check rules` finds nothing wrong, and each rule says how urgent it is."""
    said = promtool("check", "rules", ALERTS.name)
    assert said.returncode == 0, said.stdout + said.stderr
    text = ALERTS.read_text(encoding="utf-8")
    assert text.count("- alert:") == len(re.findall(r"severity: (?:page|ticket) ", text))


def test_alerts_fire_when_they_should_and_not_before() -> None:
    """`promtool test rules`: the first breach ever, a signer that would not sign, one frozen, one silent."""
    said = promtool("test", "rules", "keepcool-alerts.test.yml")
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_scrape_configuration_is_one(tmp_path: Path) -> None:
    """`promtool check config` accepts it with the rules."""
    text = (DEPLOY / "prometheus/keepcool-scrape.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(f"rule_files: [{ALERTS}]\n{text}")
    said = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert said.returncode == 0, said.stdout + said.stderr
