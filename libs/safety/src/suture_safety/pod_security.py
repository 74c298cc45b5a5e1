"""The Pod Security Standards on one pod specification: ``baseline`` errors, ``restricted`` remarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from suture_safety.yaml_reader import entries, is_false, is_true, items, scalar

if TYPE_CHECKING:
    from yaml.nodes import Node

Add = Callable[..., None]
"""``add(rule, severity, message, remedy, node, level)``"""

_CAPABILITIES = frozenset(
    """
    AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP
    SETUID SYS_CHROOT
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_SYSCTLS = frozenset(
    """
    kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.tcp_syncookies
    net.ipv4.ping_group_range net.ipv4.ip_unprivileged_port_start net.ipv4.ip_local_reserved_ports
    net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl
    net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem net.ipv4.tcp_wmem net.ipv4.tcp_slow_start_after_idle
    net.ipv4.tcp_notsent_lowat
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_VOLUMES = frozenset(
    """
    configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret image
    """.split()  # noqa: SIM905 - as a list it fills the page
)
CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def check_pod(add: Add, pod: Node) -> None:
    """``pod`` has ``metadata`` and ``spec``."""
    spec_node = entries(pod).get("spec")
    if spec_node is None:
        add("not-an-object", "error", "has no pod specification", "Give it spec.", pod)
        return
    spec = entries(spec_node)
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if is_true(spec.get(key)):
            add(
                "host-namespace",
                "error",
                f"shares the node's namespace: {key}",
                "Remove it.",
                spec[key],
                "baseline",
            )
    _annotations(add, entries(entries(pod).get("metadata")).get("annotations"))
    for volume in items(spec.get("volumes")):
        _volume(add, volume)
    security = spec.get("securityContext")
    _context(add, security, "baseline")
    for sysctl in items(entries(security).get("sysctls")):
        if scalar(entries(sysctl).get("name")) not in _SYSCTLS:
            add("sysctl", "error", "sets an unsafe kernel parameter", "Remove it.", sysctl, "baseline")
    containers = [c for key in CONTAINERS for c in items(spec.get(key))]
    on_windows = scalar(entries(spec.get("os")).get("name")) == "windows"
    for container in containers:
        _container(add, container, entries(security), not is_false(spec.get("hostUsers")), on_windows)


def _annotations(add: Add, node: Node | None) -> None:
    for key, value in entries(node).items():
        profile = scalar(value) or ""
        apparmor = key.startswith("container.apparmor.security.beta.kubernetes.io/")
        if apparmor and profile != "runtime/default" and not profile.startswith("localhost/"):
            add("apparmor", "error", "switches AppArmor off", "Use runtime/default.", value, "baseline")


def _volume(add: Add, volume: Node) -> None:
    kinds = entries(volume)
    if "hostPath" in kinds:
        add(
            "host-path",
            "error",
            "mounts a directory of the node",
            "Use a claim or a config map.",
            kinds["hostPath"],
            "baseline",
        )
        return
    for kind, node in kinds.items():
        if kind != "name" and kind not in _VOLUMES:
            add("volume-type", "info", f"mounts a volume of type {kind}", "Use a claim.", node, "restricted")


def _context(add: Add, node: Node | None, level: str) -> None:
    """What pods and containers have in common."""
    known = entries(node)
    seccomp = entries(known.get("seccompProfile"))
    if scalar(seccomp.get("type")) == "Unconfined":
        add("seccomp", "error", "switches seccomp off", "Use RuntimeDefault.", seccomp["type"], "baseline")
    apparmor = entries(known.get("appArmorProfile"))
    if scalar(apparmor.get("type")) == "Unconfined":
        add("apparmor", "error", "switches AppArmor off", "Use RuntimeDefault.", apparmor["type"], "baseline")
    selinux = entries(known.get("seLinuxOptions"))
    if (
        (scalar(selinux.get("type")) or "") not in _SELINUX
        or scalar(selinux.get("user"))
        or scalar(selinux.get("role"))
    ):
        add(
            "selinux",
            "error",
            "sets SELinux options of its own",
            "Remove them.",
            known["seLinuxOptions"],
            "baseline",
        )
    windows = entries(known.get("windowsOptions"))
    if is_true(windows.get("hostProcess")):
        add(
            "host-process",
            "error",
            "runs as a process of the node",
            "Remove it.",
            windows["hostProcess"],
            "baseline",
        )
    if scalar(known.get("runAsUser")) == "0":
        add("root-user", "info", "runs as root", "Set runAsUser above 0.", known["runAsUser"], "restricted")
    if "runAsNonRoot" in known and not is_true(known["runAsNonRoot"]):
        add(
            "root-user",
            "info",
            "may run as root",
            "Set runAsNonRoot: true.",
            known["runAsNonRoot"],
            "restricted",
        )


def _container(add: Add, container: Node, pod: dict[str, Node], host_users: bool, on_windows: bool) -> None:
    known = entries(container)
    security = known.get("securityContext")
    context = entries(security)
    if is_true(context.get("privileged")):
        add(
            "privileged",
            "error",
            "is privileged: root on the node",
            "Remove it.",
            context["privileged"],
            "baseline",
        )
    _context(add, security, "baseline")
    if scalar(context.get("procMount")) not in (None, "Default"):
        # In a user namespace of its own, only the stricter level forbids it.
        level, severity = ("baseline", "error") if host_users else ("restricted", "warning")
        add("proc-mount", severity, "unmasks /proc", "Remove it.", context["procMount"], level)
    _added_capabilities(add, context)
    for port in items(known.get("ports")):
        if scalar(entries(port).get("hostPort")) not in (None, "0"):
            add(
                "host-port",
                "error",
                "takes a port of the node",
                "Use a service.",
                entries(port)["hostPort"],
                "baseline",
            )
    _probe_hosts(add, known)
    if not is_true(context.get("runAsNonRoot", pod.get("runAsNonRoot"))):
        add("root-user", "info", "may run as root", "Set runAsNonRoot: true.", container, "restricted")
    if not on_windows:
        _restricted_on_linux(add, container, context, pod)
    image = scalar(known.get("image")) or ""
    if (
        image
        and "@sha256:" not in image
        and (":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest"))
    ):
        add(
            "unpinned-image",
            "info",
            "names an image that may change",
            "Name a version, better a digest.",
            known["image"],
        )
    if "limits" not in entries(known.get("resources")):
        add("no-limits", "info", "has no limits on memory and CPU", "Set resources.limits.", container)


def _added_capabilities(add: Add, context: dict[str, Node]) -> None:
    for capability in items(entries(context.get("capabilities")).get("add")):
        if (scalar(capability) or "") not in _CAPABILITIES:
            add(
                "capability",
                "error",
                f"adds the capability {scalar(capability)}",
                "Remove it.",
                capability,
                "baseline",
            )
        elif scalar(capability) != "NET_BIND_SERVICE":
            add(
                "capability",
                "info",
                f"adds the capability {scalar(capability)}",
                "Remove it.",
                capability,
                "restricted",
            )


def _probe_hosts(add: Add, known: dict[str, Node]) -> None:
    """A probe or hook that names a host makes the kubelet connect there."""
    hooks = entries(known.get("lifecycle"))
    for handler in (
        *(known.get(k) for k in ("livenessProbe", "readinessProbe", "startupProbe")),
        *hooks.values(),
    ):
        for action in ("httpGet", "tcpSocket"):
            host = entries(entries(handler).get(action)).get("host")
            if host is not None and scalar(host):
                add(
                    "probe-host",
                    "error",
                    "makes the node connect to a host",
                    "Remove host.",
                    host,
                    "baseline",
                )


def _restricted_on_linux(add: Add, container: Node, context: dict[str, Node], pod: dict[str, Node]) -> None:
    if scalar(context.get("allowPrivilegeEscalation")) != "false":
        add(
            "privilege-escalation",
            "info",
            "may gain rights",
            "Set allowPrivilegeEscalation: false.",
            container,
            "restricted",
        )
    dropped = {scalar(one) for one in items(entries(context.get("capabilities")).get("drop"))}
    if "ALL" not in dropped:
        add("capabilities-kept", "info", "keeps capabilities", "Drop ALL.", container, "restricted")
    seccomp = context.get("seccompProfile", pod.get("seccompProfile"))
    if scalar(entries(seccomp).get("type")) not in ("RuntimeDefault", "Localhost"):
        add("seccomp-unset", "info", "has no seccomp profile", "Set RuntimeDefault.", container, "restricted")
