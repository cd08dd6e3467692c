"""The machine under a service: faults, logs, numbers, clock."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from keepcool.adapters.system.clock import SystemClock, SystemEntropy
from keepcool.adapters.system.faults import CrashAt, NoFaults, faults_from
from keepcool.adapters.system.logs import REDACTED, JsonLines, described, log_to_stderr
from keepcool.adapters.system.metrics import ExchangeWatch, MetricsFile
from keepcool.core.errors import Refused
from keepcool.core.faults import FaultPoint


def child_that_reaches(text: str, points: list[FaultPoint]) -> int:
    """The wait status of a forked child that reaches these points with this fault ordered."""
    child = os.fork()
    if child == 0:
        faults = faults_from(text, {})
        for point in points:
            faults.reach(point)
        os._exit(7)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize("point", list(FaultPoint))
def test_a_process_dies_at_the_named_point(point: FaultPoint) -> None:
    """SIGKILL comes at the ordered point, and at no other."""
    status = child_that_reaches(point.value, [point])
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    others = [other for other in FaultPoint if other is not point]
    assert os.waitstatus_to_exitcode(child_that_reaches(point.value, others)) == 7


def test_the_third_time_is_the_third_time() -> None:
    """A count lets a point be passed until it is reached that often."""
    point = FaultPoint.KEEPER_SIGNED
    assert os.waitstatus_to_exitcode(child_that_reaches("keeper-signed:3", [point] * 2)) == 7
    assert os.WIFSIGNALED(child_that_reaches("keeper-signed:3", [point] * 3))


def test_faults_come_from_settings_or_environment() -> None:
    """Nothing ordered means nothing happens; a point that does not exist is refused at start."""
    assert isinstance(faults_from("", {}), NoFaults)
    assert isinstance(faults_from("", {"KEEPCOOL_FAULT": "app-sent"}), CrashAt)
    for text in ("nowhere", "app-sent:0", "app-sent:x"):
        with pytest.raises(Refused):
            faults_from(text, {})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", ["warning", "info"]),
        ("debug", ["warning", "info", "debug"]),
        ("ERROR", []),
        ("all", ["warning", "info"]),
    ],
)
def test_how_much_is_logged_is_said_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, said: str, told: list[str]
) -> None:
    """KEEPCOOL_LOG is a level in any case; what is none, or nothing, is info."""
    root, stream = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setenv("KEEPCOOL_LOG", said)
    log_to_stderr("app", stream=stream)
    for level in (logging.WARNING, logging.INFO, logging.DEBUG):
        logging.getLogger("t").log(level, "x")
    logging.getLogger().setLevel("WARNING")
    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == told


def logged(message: str, **extra: object) -> dict[str, object]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines("keeper"))
    handler.handle(logging.makeLogRecord({"name": "t", "levelname": "INFO", "msg": message, **extra}))
    line: dict[str, object] = json.loads(stream.getvalue())
    return line


def test_a_log_line_is_one_object() -> None:
    """Event, level, service and extra fields stand in one JSON object on one line."""
    line = logged("signed\ntwice", items=3, wallet="w1", names=["a"], inner={"b": 1})
    assert line["event"] == "signed\ntwice"
    assert line["service"] == "keeper"
    assert list(line)[:6] == ["time", "at_ms", "level", "service", "logger", "event"]
    assert (line["items"], line["wallet"], line["names"], line["inner"]) == (3, "w1", ["a"], {"b": 1})


SECRETS = [
    "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
    "hvs.CAESIJ" + "a" * 30,
    "s.abcdefghijklmnopqrstuvwx",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----",
    "AGE-SECRET-KEY-1" + "Q" * 58,
    "whsec_" + "A" * 43 + "=",
    "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_taken_out_of_texts(secret: str) -> None:
    """What has a known secret's form does not reach the log, wherever it stands."""
    for line in (logged(f"got {secret}!"), logged("x", note=secret), logged("x", inner={"list": [secret]})):
        assert secret not in json.dumps(line).replace("\\n", "\n")
        assert REDACTED in json.dumps(line)


@pytest.mark.parametrize("name", ["seed", "nkey_seed", "secret_id", "password", "root_token", "api_key"])
def test_secrets_are_taken_out_by_name(name: str) -> None:
    """A field with a secret's name is blanked, whatever it holds; bytes and objects are never shown."""
    assert logged("x", **{name: "0011"})[name] == REDACTED
    assert logged("x", inner={name: 1})["inner"] == {name: REDACTED}
    line = logged("x", raw=b"\x01", thing=Path("a"))
    assert (line["raw"], line["thing"]) == ("<bytes>", f"<{type(Path()).__name__}>")


def test_an_unknown_errors_text_is_not_logged() -> None:
    """A foreign error is told by type and place, ours by code and public text."""
    try:
        raise ValueError("0123 is the seed")
    except ValueError as error:
        told = described(error)
    assert told["type"] == "ValueError"
    assert "0123" not in json.dumps(told)
    assert described(Refused("a.b", "no"))["text"] == "no"


def test_metrics_replace_their_file_whole(tmp_path: Path) -> None:
    """The file holds the counters, and nothing half-written is left beside it."""
    registry = CollectorRegistry()
    watch, file = ExchangeWatch(registry), MetricsFile(registry, tmp_path / "keeper.prom")
    watch.refused("sign.v1", "wire.signature")
    watch.fault("sign.v1", ValueError("x"))
    file.write()
    file.write()
    assert 'keepcool_frames_refused_total{code="wire.signature",typ="sign.v1"} 1.0' in file_text(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["keeper.prom"]


def file_text(folder: Path) -> str:
    return (folder / "keeper.prom").read_text()


def test_a_clock_can_be_off_by_minutes() -> None:
    """The offset of a test's configuration moves the clock by that much."""
    early, late = SystemClock().now_ms(), SystemClock(120_000).now_ms()
    assert 120_000 <= late - early < 121_000


def test_entropy_is_fresh() -> None:
    """Two draws differ, and have the length asked for."""
    entropy = SystemEntropy()
    assert len(entropy(24)) == 24
    assert entropy(32) != entropy(32)
