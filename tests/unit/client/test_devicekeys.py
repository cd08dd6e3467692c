"""An owner's key file: his alone, made once, with a memory of what it has signed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from keepcool.client.devicekeys import DeviceKey, new_key_file, read_key_file
from keepcool.core.errors import Refused
from keepcool.core.personkeys import parse_person_key
from keepcool.wire import proofs

CHALLENGE = bytes(range(32))


def test_a_key_is_made_once_and_signs(tmp_path: Path) -> None:
    """The file is its owner's alone; read again it is the same key; a second one does not replace it."""
    made = new_key_file(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    again = read_key_file(tmp_path / "key")
    assert again.text == made.text
    proofs.verify(parse_person_key(made.text), CHALLENGE, again.prove(CHALLENGE), None)
    with pytest.raises(Refused, match=r"client\.key_file"):
        new_key_file(tmp_path / "key")
    assert read_key_file(tmp_path / "key").text == made.text


@pytest.mark.parametrize(("content", "mode"), [("00" * 32, 0o644), ("00" * 31, 0o600), ("zz" * 32, 0o600)])
def test_refuses_what_others_can_read_or_what_is_no_key(tmp_path: Path, content: str, mode: int) -> None:
    """It says which file and what to do, and never what the file holds."""
    file = tmp_path / "key"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(Refused, match=r"client\.key_file") as refused:
        read_key_file(file)
    assert content not in str(refused.value)
    assert str(file) in refused.value.public


def test_what_was_signed_is_remembered_on_disk(tmp_path: Path) -> None:
    """Under every name of the order, also after the program has ended; a key in memory forgets."""
    new_key_file(tmp_path / "key").book.note(["wd_1", "key:order 7"], "aa" * 32)
    book = read_key_file(tmp_path / "key").book
    assert book.signed(["wd_1"]) == book.signed(["key:order 7"]) == {"aa" * 32}
    assert book.signed(["wd_2"]) == set()
    assert stat.S_IMODE((tmp_path / "key.signed").stat().st_mode) == 0o600
    passing = DeviceKey(b"\x01" * 32)
    passing.book.note(["wd_1"], "aa" * 32)
    assert DeviceKey(b"\x01" * 32).book.signed(["wd_1"]) == set()


def test_a_key_shows_only_its_public_half() -> None:
    """In whatever is printed of it."""
    key = DeviceKey(b"\x07" * 32)
    assert repr(key) == f"DeviceKey({key.text})"
