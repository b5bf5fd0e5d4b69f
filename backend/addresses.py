"""Which network addresses images may come from, against requests that a task makes the backend send (SSRF).

Public addresses are fine. Private ones (loopback, 10.0.0.0/8, a compose network, …) only where the settings name them.
Link-local and multicast addresses and the metadata services of clouds, which hand out a machine's credentials, never.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from squeezesam_core.errors import SqueezeSAMError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA_ADDRESSES = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
"""Cloud metadata services outside the link-local range 169.254.0.0/16."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")

Resolve = Callable[[str], Iterable[str]]
"""Host name -> its IP addresses."""


class ImageFetchError(SqueezeSAMError):
    """An image that cannot be fetched."""


def resolve(host: str) -> list[str]:
    """The addresses of a host, the preferred one first. Raises OSError if it has none."""
    return list(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)))


@dataclass(frozen=True)
class AddressPolicy:
    """private_hosts: host names, addresses and networks ("nas.local", "10.1.0.0/16") that may be private."""

    private_hosts: Sequence[str] = ()

    def admitted(self, host: str, resolve: Resolve) -> list[str]:
        """The host's addresses; a caller must connect to one of these, for a second look-up may give another.

        Every address that the name has must be admitted. Raises ImageFetchError.
        """
        try:
            addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in resolve(host)]
        except (OSError, UnicodeError) as error:
            cause = f"The host {host} has no address: {error}."
            raise ImageFetchError(cause, "Check the name from this machine.") from error
        for address in addresses:
            self._admit(host, address)
        if not addresses:
            raise ImageFetchError(f"The host {host} has no address.", "Check the name from this machine.")
        return [str(address) for address in addresses]

    def _admit(self, host: str, address: Address) -> None:
        plain = _embedded(address)
        if plain.is_link_local or plain.is_multicast or plain.is_unspecified or plain in METADATA_ADDRESSES:
            cause = f"{host} is at {plain}, an address of the machine's own network."
            raise ImageFetchError(cause, "Serve the images from an ordinary address.")
        if not plain.is_global and not self._named(host, plain):
            cause = f"{host} is at {plain}, a private address, and only Label Studio's own is allowed by itself."
            raise ImageFetchError(cause, f"If that is right, set SQUEEZESAM_PRIVATE_IMAGE_HOSTS={host}.")

    def _named(self, host: str, address: Address) -> bool:
        return any(entry.casefold() == host.casefold() or _within(address, entry) for entry in self.private_hosts)


def _within(address: Address, entry: str) -> bool:
    try:
        return address in ipaddress.ip_network(entry)
    except ValueError:  # a host name
        return False


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
