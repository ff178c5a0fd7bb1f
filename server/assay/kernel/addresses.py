"""Addresses of other services: which of them a caller may have us connect to.

A caller who names a host could otherwise reach what only this machine or its network can: the
metadata service of a cloud, a database, a neighbour's port. So only public addresses are allowed,
and those of the networks that the operator lists. The connection goes to the address that was
checked: a name that is resolved again may by then have another one.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from assay.kernel.errors import AddressNotAllowed, InvalidArgument, RemoteFailed, clip

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The prefix of IPv6 under which a translator reaches addresses of IPv4.
_NAT64 = ip_network("64:ff9b::/96")


def networks(ranges: Iterable[str]) -> tuple[Network, ...]:
    """Return CIDR ranges as networks; ValueError for what is none."""
    return tuple(ip_network(one, strict=False) for one in ranges)


def check_address(host: str, port: int, allowed: Iterable[str] = ()) -> Address:
    """Return the first of `check_addresses`."""
    return check_addresses(host, port, allowed)[0]


def check_addresses(host: str, port: int, allowed: Iterable[str] = ()) -> list[Address]:
    """Resolve a host, and return the addresses that may be connected to, one or more, in order.

    It waits for the resolver, so it must not run on an event loop.

    Args:
        host: A name, or an address of IPv4 or IPv6 without brackets.
        port: For the resolver alone.
        allowed: CIDR ranges that may be reached although they are not public.

    Raises:
        RemoteFailed: The name has no address.
        AddressNotAllowed: None of its addresses may be reached.
    """
    open_to = networks(allowed)
    found = _resolved(host, port)
    reached = [address for address in found if is_allowed(address, open_to)]
    if not reached:
        raise refused(host, found[0])
    return reached


def check_literal(host: str, allowed: Iterable[str] = ()) -> None:
    """Raise AddressNotAllowed for a host that is an address, or `localhost`, and may not be reached.

    Nothing is resolved: a name may have any address by the time of the connection.
    """
    try:
        address = ip_address(host)
    except ValueError:
        if host.rstrip(".").lower() != "localhost":
            return
        address = IPv4Address("127.0.0.1")
    if not is_allowed(address, networks(allowed)):
        raise refused(host, address)


def is_allowed(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Return whether an address is public, or in one of these networks."""
    plain = embedded(address)
    if any(plain in network for network in allowed if network.version == plain.version):
        return True
    if isinstance(plain, IPv6Address) and plain.is_site_local:  # which Python calls global
        return False
    return plain.is_global and not plain.is_multicast and not plain.is_reserved


def embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def refused(host: str, address: Address) -> AddressNotAllowed:
    """Return the refusal of a host that is at an address which may not be reached."""
    return AddressNotAllowed(
        f"The host '{clip(host)}' is at a private, loopback or otherwise special address, which "
        "this service does not connect to. Name a public host, or have the operator add its range "
        "to ASSAY_REMOTE_ALLOW.",
        metadata={"host": host, "address": str(address)}
        if host != str(address)
        else {"host": host},
    )


def _resolved(host: str, port: int) -> list[Address]:
    if not host or len(host) > 253:
        raise InvalidArgument.of("host", "must be a host name or an address")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RemoteFailed(
            f"The host '{clip(host)}' has no address. Check the name, and that this service's "
            "resolver knows it.",
            metadata={"host": host},
        ) from None
    return [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
