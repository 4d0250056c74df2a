"""The address of a server, taken before anybody is sent there."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack
from typing import Any

from sceneseek.errors import ValueRefused


def taken(host: str, port: int) -> list[socket.socket]:
    """Take an address for the server, so that nobody is sent to it while it is somebody else's.

    Args:
        host: An address of this machine, or a name of it.
        port: The port.

    Returns:
        A socket for each address that the name stands for, bound and not yet listening.

    Raises:
        ValueRefused: The address is in use, is not this machine's, or may not be used.
    """
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with ExitStack() as opened:
            sockets = [opened.enter_context(_bound(family, address)) for family, _, _, _, address in places]
            opened.pop_all()
            return sockets
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            found = f"port {port} of {host} is in use by another program"
            raise ValueRefused(f"{found}. Stop that program, or choose another port with --port.") from error
        raise ValueRefused(f"cannot listen at {host}, port {port}: {error.strerror}.") from error


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    place = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere this would let two programs listen at one port
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            place.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        place.bind(address)
    except OSError:
        place.close()
        raise
    return place
