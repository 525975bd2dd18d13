"""Addresses that anybody may reach: hosts are resolved once, every address is checked, and a checked one is connected.

A name that means another address a moment later, or a redirect to one's own network, leads nowhere.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore

from schemas.errors import BadSample

_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one of the open internet, and so is the IPv4 address that an IPv6 one may carry."""
    if isinstance(address, IPv6Address):
        if address.is_site_local:
            return False
        carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            carried.append(IPv4Address(int(address) & 0xFFFFFFFF))
        if any(one is not None and not is_public(one) for one in carried):
            return False
        if address.ipv4_mapped:
            return True
    return address.is_global and not address.is_multicast


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to public addresses alone, unless private ones are allowed."""

    def __init__(self, *, allow_private: bool) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._allow_private = allow_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers. Raises BadSample("private_address"), httpcore.ConnectError."""
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        """Wait, as the pool asks between its own attempts."""
        await asyncio.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} is not to be found ({error})") from None
        addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
        if not self._allow_private:
            for address in addresses:
                if not is_public(ip_address(address)):
                    raise BadSample("private_address", f"{host} is {address}")
        return addresses
