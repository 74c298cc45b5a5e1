"""Which addresses a run may reach: the API server's, and what its script declares."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from suture_sandbox.kubernetes.cluster import Cluster, Refused
from suture_sandbox.kubernetes.reach import KubernetesReach

Address = tuple[str, int]


async def api_server(cluster: Cluster, reach: KubernetesReach) -> list[Address]:
    """The service's address and those behind it. Raises ``ValueError`` where they cannot be looked up."""
    if reach.api_server:
        return [split(address) for address in reach.api_server]
    service = "/api/v1/namespaces/default/services/kubernetes"
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    try:
        found = await cluster.call("GET", service)
        behind = await cluster.call("GET", slices, labelSelector="kubernetes.io/service-name=kubernetes")
    except Refused as refused:
        raise ValueError(
            f"the API server's address cannot be looked up ({refused}); give it in reach.api_server"
        ) from None
    addresses = {(found["spec"]["clusterIP"], int(port["port"])) for port in found["spec"]["ports"]}
    for one in behind["items"]:
        for endpoint in one.get("endpoints") or []:
            addresses |= {(ip, int(port["port"])) for ip in endpoint["addresses"] for port in one["ports"]}
    return sorted(addresses)


async def resolved(egress: tuple[str, ...]) -> tuple[list[Address], dict[str, str]]:
    """The declared addresses as numbers, and what each name among them stands for. Raises ``ValueError``."""
    addresses: list[Address] = []
    hosts: dict[str, str] = {}
    loop = asyncio.get_running_loop()
    for one in egress:
        host, port = split(one)
        try:
            ipaddress.ip_address(host)
            addresses.append((host, port))
            continue
        except ValueError:
            pass
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ValueError(f"egress: {host} cannot be resolved: {error}") from None
        numbers = sorted({str(entry[4][0]) for entry in found})
        addresses += [(number, port) for number in numbers]
        hosts[host] = numbers[0]
    return addresses, hosts


def split(address: str) -> Address:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
