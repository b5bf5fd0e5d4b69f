"""A free port of this machine, the wished one if it can be had."""

import socket

from squeezesam_core.errors import SqueezeSAMError

HOST = "127.0.0.1"
_ATTEMPTS = 50


class PortError(SqueezeSAMError):
    """No free port near the wished one."""


def free_port(wished: int) -> int:
    """The first port from `wished` on (0..65535) that nothing listens on, among the next 50."""
    for port in range(wished, min(wished + _ATTEMPTS, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise PortError(f"Ports {wished} to {wished + _ATTEMPTS - 1} are all taken.", "Name another one with --port.")
