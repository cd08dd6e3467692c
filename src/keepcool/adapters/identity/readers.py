"""Who may read an opened file, besides its owner and root: mode bits, or the access control list behind them.

Where a file has a list, its mode's group bits are the list's mask and not the group's right: systemd gives
credentials so (root's, 0440, the service named in the list). acl(5); the kernel's posix_acl_xattr format.
"""

from __future__ import annotations

import errno
import os
import struct

_XATTR, _VERSION = "system.posix_acl_access", 2
_HEADER, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_USER, _GROUP_OBJ, _GROUP = 0x02, 0x04, 0x08
_ABSENT = (errno.ENODATA, errno.ENOTSUP)


def read_by_others(descriptor: int) -> bool:
    """Whether anybody may touch it besides its owner and this process's user."""
    mode = os.fstat(descriptor).st_mode
    if mode & 0o007:
        return True
    return bool(mode & 0o070) and _listed_others(descriptor)


def _listed_others(descriptor: int) -> bool:
    """Of a file whose group bits are set. What cannot be read is open to others."""
    try:
        raw = os.getxattr(descriptor, _XATTR)
    except OSError as error:
        if error.errno in _ABSENT:
            return True  # no list: the bits are the group's
        raise
    if len(raw) < _HEADER.size or _HEADER.unpack_from(raw)[0] != _VERSION:
        return True
    entries = list(_ENTRY.iter_unpack(raw[_HEADER.size :]))
    return any(permissions and _is_other(tag, who) for tag, permissions, who in entries)


def _is_other(tag: int, who: int) -> bool:
    return tag in (_GROUP_OBJ, _GROUP) or (tag == _USER and who != os.geteuid())
