"""Addresses that callers may have us connect to."""

import socket

import pytest
from pydantic import ValidationError

from assay.kernel.addresses import check_address, check_literal
from assay.kernel.errors import AddressNotAllowed, InvalidArgument, RemoteFailed
from assay.settings import Settings

SPECIAL = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "2001:db8::1", "fec0::1",
]  # fmt: skip  # a list


@pytest.mark.parametrize("host", SPECIAL)
def test_special_addresses_are_refused(host):
    """Private, loopback, link-local, multicast and embedded ones of these are not reached."""
    with pytest.raises(AddressNotAllowed, match="ASSAY_REMOTE_ALLOW"):
        check_address(host, 80)
    with pytest.raises(AddressNotAllowed):
        check_literal(host)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "localhost", "localhost."])
def test_other_spellings_of_loopback_are_refused(host):
    """Short, decimal and hexadecimal spellings are refused as what they resolve to."""
    with pytest.raises((AddressNotAllowed, RemoteFailed)):
        check_address(host, 80)


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(host):
    """A public address is the address to connect to."""
    assert check_address(host, 443) is not None
    check_literal(host)


def test_listed_ranges_are_reached_and_their_neighbours_are_not():
    """An operator's CIDR range allows its addresses, mapped ones too, and no others."""
    allowed = ("10.2.0.0/16", "::1/128")
    assert str(check_address("10.2.3.4", 80, allowed)) == "10.2.3.4"
    assert str(check_address("::1", 80, allowed)) == "::1"
    check_literal("::ffff:10.2.3.4", allowed)
    with pytest.raises(AddressNotAllowed):
        check_address("10.3.0.1", 80, allowed)


def test_a_name_with_a_public_and_a_private_address_gives_the_public_one(monkeypatch):
    """The connection goes to an address that was checked, whatever else the name has."""
    found = [(2, 1, 6, "", (one, 80)) for one in ("10.0.0.1", "8.8.4.4")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert str(check_address("two.example", 80)) == "8.8.4.4"


def test_names_without_an_address_are_refused():
    """An unknown name says so; a name that is none at all is a wrong value."""
    with pytest.raises(RemoteFailed, match="no address"):
        check_address("no-such-host.invalid", 80)
    with pytest.raises(InvalidArgument):
        check_address("", 80)


def test_a_name_is_not_resolved_when_it_is_only_looked_at():
    """A name passes the check of literals: what it stands for is known when it is connected to."""
    check_literal("models.example")


def test_the_setting_takes_ranges_alone():
    """ASSAY_REMOTE_ALLOW is a list of CIDR ranges; a word that is none is refused at the start."""
    read = Settings(remote_allow="10.0.0.0/8, ::1/128")
    assert read.remote_allow == ("10.0.0.0/8", "::1/128")
    with pytest.raises(ValidationError, match="remote_allow"):
        Settings(remote_allow="everything")
