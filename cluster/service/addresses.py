"""`TargetRule`: which addresses a webhook may go to, decided on what a name leads to, not on the name."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from giornata.cluster.errors import TargetForbidden, UnsafeService

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")


@dataclass(frozen=True)
class TargetRule:
    """Public addresses, and what the configuration allows beside them."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def allowing(cls, words: Iterable[str]) -> "TargetRule":
        """From host names, addresses and networks. Raises `UnsafeService`."""
        hosts: set[str] = set()
        networks: list[Network] = []
        for word in filter(None, map(str.strip, words)):
            try:
                networks.append(ipaddress.ip_network(word.strip("[]")))
            except ValueError:
                if "/" in word:
                    raise UnsafeService(
                        f"allowing webhooks to {word}", "needed a host or a network"
                    ) from None
                hosts.add(word.lower())
        return cls(frozenset(hosts), tuple(networks))

    def choose(self, host: str, found: Sequence[str]) -> str:
        """The address to connect to, of those that `host` leads to. Raises `TargetForbidden`.

        One that is forbidden forbids all: who controls the name could send the next try there.
        """
        addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
        if not addresses:
            raise TargetForbidden(host, "the name leads nowhere")
        if host.lower() not in self.hosts:
            for address in addresses:
                if not self._is_open(address):
                    raise TargetForbidden(host, "it leads to an address that is not public")
        return str(addresses[0])

    def _is_open(self, address: Address) -> bool:
        return any(address in network for network in self.networks) or is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address, and any that is written inside of it, is one of the open internet."""
    return address.is_global and not address.is_multicast and all(map(is_public, _inside(address)))


def _inside(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    inner: list[Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if address.teredo is not None:
        inner += address.teredo
    if address in _NAT64 or address in _NAT64_LOCAL:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return inner
