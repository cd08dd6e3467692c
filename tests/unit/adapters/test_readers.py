"""Who may read a secret's file: by mode, and by access control list as systemd gives credentials."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from keepcool.adapters.identity.keyfiles import read_private
from keepcool.adapters.identity.readers import read_by_others
from keepcool.core.errors import Refused

USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NOBODY, READ = 0xFFFFFFFF, 4
Entries = list[tuple[int, int, int]]
OURS = (USER, READ, os.geteuid())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "secret"
    made.write_text("secret")
    return made


def listed(file: Path, *named: tuple[int, int, int], group: int = 0) -> None:
    """An access control list: the owner, those named, nobody else; its mask lets all of them read."""
    entries = [(USER_OBJ, READ, NOBODY), *named, (GROUP_OBJ, group, NOBODY)]
    entries = [*sorted(entries), (MASK, READ, NOBODY), (OTHER, 0, NOBODY)]
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)
    try:
        os.setxattr(file, "system.posix_acl_access", raw)
    except OSError:
        pytest.skip("this file system keeps no access control lists")
    assert file.stat().st_mode & 0o070, "the mask is not shown as the group's bits"


def others(file: Path) -> bool:
    with file.open("rb") as opened:
        return read_by_others(opened.fileno())


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_its_owners_alone(file: Path, mode: int) -> None:
    """No bits of group and others: nobody else reads it."""
    file.chmod(mode)
    assert not others(file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o610, 0o601])
def test_any_bit_without_a_list_lets_others_in(file: Path, mode: int) -> None:
    """Group or world, reading, writing or executing."""
    file.chmod(mode)
    assert others(file)
    with pytest.raises(Refused):
        read_private(file)


def test_a_credential_as_systemd_gives_it_is_ours_alone(file: Path) -> None:
    """0440 by its mode, but the list behind names this service and nobody else: it is read."""
    listed(file, OURS)
    assert not others(file)
    assert read_private(file).content == b"secret"


@pytest.mark.parametrize("named", [(USER, READ, 54_321), (GROUP, READ, 54_321)], ids=["user", "group"])
def test_a_list_that_names_somebody_else_lets_him_in(file: Path, named: tuple[int, int, int]) -> None:
    """Another user, or a group: refused, and so is the owning group."""
    listed(file, OURS, named)
    assert others(file)
    with pytest.raises(Refused):
        read_private(file)


def test_a_list_with_the_owning_group_lets_it_in(file: Path) -> None:
    """The group's own entry counts, not the mask."""
    listed(file, OURS, group=READ)
    assert others(file)
