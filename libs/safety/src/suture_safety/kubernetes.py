"""Kubernetes manifests, judged by the Pod Security Standards and by what a run may not touch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suture_safety.amounts import job_spec, note_amounts
from suture_safety.images import of_object
from suture_safety.kubernetes_commands import dangerous_commands
from suture_safety.pod_security import check_pod
from suture_safety.yaml_reader import BrokenYaml, entries, items, place, read_documents, scalar

if TYPE_CHECKING:
    from suture_contracts.report import Level
    from yaml.nodes import Node

    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector, Standard

_POD_OF = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_CLUSTER_WIDE = frozenset(
    """
    ClusterRole ClusterRoleBinding CustomResourceDefinition Namespace Node PersistentVolume StorageClass
    MutatingWebhookConfiguration ValidatingWebhookConfiguration APIService PriorityClass
    PersistentVolumeClaim CSIDriver RuntimeClass PodSecurityPolicy ValidatingAdmissionPolicy
    CertificateSigningRequest FlowSchema PriorityLevelConfiguration IngressClass VolumeSnapshotClass
    """.split()  # noqa: SIM905 - as a list it fills the page
)
# What these change is in their objects and in the pods that follow from them: as they were, all is as it was.
_RESTORABLE = frozenset(
    """
    ConfigMap Secret Service Ingress NetworkPolicy Deployment StatefulSet DaemonSet ReplicaSet
    HorizontalPodAutoscaler PodDisruptionBudget ResourceQuota LimitRange Role RoleBinding ServiceAccount
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_WITHOUT_PODS = _CLUSTER_WIDE | _RESTORABLE
_OF_THE_CLUSTER = ("kube-system", "kube-public", "kube-node-lease")
_ESCALATING = {"escalate", "bind", "impersonate", "*"}


def analyse_kubernetes(text: str, collector: Collector, budget: Budget, first_line: int = 1) -> None:
    """Findings on every object of every document. Raises ``BoundExceeded``."""
    collector.effects.states.setdefault("cluster", (first_line, 1))
    documents = _read(text, collector, budget, first_line)
    if documents is None:
        return
    if not documents:
        collector.add(
            "kubernetes.empty", "error", "holds no object", "Say what is to be applied.", (first_line, 1)
        )
    for document in documents:
        _Object(collector, budget, first_line - 1).check(document)


def _read(text: str, collector: Collector, budget: Budget, first_line: int) -> list[Node] | None:
    """The documents; ``None`` where the text is no YAML, which is reported."""
    try:
        return read_documents(text, budget)
    except BrokenYaml as error:
        where = (error.line + first_line - 1, error.column)
        collector.add(
            "kubernetes.syntax", "error", f"YAML cannot be read: {error.reason}", "Fix the YAML.", where
        )
        return None


def analyse_expectation(text: str, collector: Collector, budget: Budget) -> None:
    """Findings on manifests that say what must be so: nothing of them is applied, so parts of objects do."""
    for document in _read(text, collector, budget, 1) or ():
        known = entries(document)
        if not scalar(known.get("kind")) or not scalar(known.get("apiVersion")):
            collector.add(
                "kubernetes.not-an-object",
                "error",
                "is no Kubernetes object: apiVersion or kind is missing",
                "Name both.",
                place(document),
            )


def check_object(node: Node, collector: Collector, budget: Budget) -> None:
    """Findings on one object that stands inside another document."""
    collector.effects.states.setdefault("cluster", place(node))
    _Object(collector, budget, 0).check(node)


class _Object:
    """Checks one object; ``offset`` lines lie before the text in the script around it."""

    def __init__(self, collector: Collector, budget: Budget, offset: int) -> None:
        self.collector = collector
        self.budget = budget
        self.offset = offset

    def add(
        self, rule: str, severity: Level, message: str, remedy: str, node: Node, level: Standard | None = None
    ) -> None:
        line, column = place(node)
        self.collector.add(
            f"kubernetes.{rule}", severity, message, remedy, (line + self.offset, column), level
        )

    def check(self, node: Node) -> None:
        known = entries(node)
        kind = scalar(known.get("kind"))
        if kind == "List":
            for item in items(known.get("items")):
                self.check(item)
            return
        if not kind or not scalar(known.get("apiVersion")):
            self.add(
                "not-an-object",
                "error",
                "is no Kubernetes object: apiVersion or kind is missing",
                "Name both.",
                node,
            )
            return
        if kind in _POD_OF or kind not in _WITHOUT_PODS:
            of_object(node, self.collector.effects, self.offset)
        if kind not in _RESTORABLE:
            self.collector.effects.states.setdefault("processes", place(node))
        if kind in _CLUSTER_WIDE:
            self.add(
                "cluster-wide",
                "warning",
                f"changes a {kind}, which reaches beyond one workload",
                "Leave it to the cluster's admin.",
                known["kind"],
            )
        if scalar(entries(known.get("metadata")).get("namespace")) in _OF_THE_CLUSTER:
            message, remedy = "changes what the cluster itself runs on", "Leave it to the cluster's admin."
            self.add("system-namespace", "warning", message, remedy, known["metadata"])
        if kind in _POD_OF:
            pod = node
            for step in _POD_OF[kind]:
                pod = entries(pod).get(step, pod)
            check_pod(self.add, pod)
            self._account(pod)
            self._workload(known, pod)
            note_amounts(self.collector.effects, node, kind, pod, self.offset)
            if kind in ("Job", "CronJob"):
                self._deadline(node, kind)
        elif kind.endswith("RoleBinding"):
            self._binding(known)
        elif kind in ("Role", "ClusterRole"):
            self._role(known)
        elif kind in ("Service", "NetworkPolicy"):
            self._opened(entries(known.get("spec")))
        elif kind == "Secret":
            self._secret(known)

    def _secret(self, known: dict[str, Node]) -> None:
        if scalar(known.get("type")) == "kubernetes.io/service-account-token":
            message, remedy = (
                "makes a token that never ends",
                "Use a bound token, which the pod gets by itself.",
            )
            self.add("token-secret", "warning", message, remedy, known["type"])
        elif "stringData" in known:
            message, remedy = "carries a secret in plain text", "Refer to a secret store."
            self.add("plain-secret", "info", message, remedy, known["stringData"])

    def _workload(self, known: dict[str, Node], pod: Node) -> None:
        replicas = entries(known.get("spec")).get("replicas")
        if replicas is not None and scalar(replicas) == "0":
            self.add(
                "scaled-to-zero", "warning", "takes the whole workload down", "Keep one replica.", replicas
            )
        spec = entries(entries(pod).get("spec"))
        priority = spec.get("priorityClassName")
        if priority is not None and (scalar(priority) or "").startswith("system-"):
            message, remedy = "may push out what the cluster itself runs on", "Use a priority of your own."
            self.add("system-priority", "warning", message, remedy, priority)
        for toleration in items(spec.get("tolerations")):
            if not entries(toleration).get("key"):
                message, remedy = "tolerates every taint, those of broken nodes too", "Name the taint."
                self.add("tolerates-all", "warning", message, remedy, toleration)
        for command, message in dangerous_commands(pod, self.budget):
            remedy = "Run a program of the image, with constant arguments."
            self.add("command", "warning", f"a container's command: {message}", remedy, command)

    def _opened(self, spec: dict[str, Node]) -> None:
        if items(spec.get("externalIPs")):
            message = "takes traffic for addresses that may be others'"
            self.add("external-ip", "warning", message, "Use a load balancer.", spec["externalIPs"])
        for direction in ("ingress", "egress"):
            for rule in items(spec.get(direction)):
                if not entries(rule):
                    message, remedy = f"lets everything through ({direction})", "Name who may connect."
                    self.add("open-policy", "warning", message, remedy, rule)

    def _account(self, pod: Node) -> None:
        spec = entries(entries(pod).get("spec"))
        named = spec.get("serviceAccountName") or spec.get("serviceAccount")
        line, column = place(named or pod)
        self.collector.effects.service_account(scalar(named) or "default", (line + self.offset, column))

    def _deadline(self, node: Node, kind: str) -> None:
        job = job_spec(node, kind)
        if "activeDeadlineSeconds" not in entries(job):
            message = "is a Job without a deadline"
            self.add("no-deadline", "info", message, "Set activeDeadlineSeconds.", job or node)

    def _binding(self, known: dict[str, Node]) -> None:
        role = known.get("roleRef")
        name = scalar(entries(role).get("name"))
        if role is not None and name in ("cluster-admin", "admin", "system:masters"):
            severity: Level = "error" if name != "admin" else "warning"
            self.add(
                "cluster-admin",
                severity,
                f"binds {name}",
                "Bind a role with the verbs that are needed.",
                role,
            )
        for subject in items(known.get("subjects")):
            if scalar(entries(subject).get("name")) in (
                "system:anonymous",
                "system:unauthenticated",
                "system:authenticated",
            ):
                self.add("anonymous", "error", "gives rights to everyone", "Name the one subject.", subject)

    def _role(self, known: dict[str, Node]) -> None:
        for rule in items(known.get("rules")):
            parts = entries(rule)
            verbs = {scalar(verb) for verb in items(parts.get("verbs"))}
            resources = {scalar(one) for one in items(parts.get("resources"))}
            if verbs & _ESCALATING or "*" in resources:
                severity: Level = "error" if "*" in verbs and "*" in resources else "warning"
                self.add(
                    "wide-role",
                    severity,
                    "gives more rights than a workload needs",
                    "Name verbs and resources.",
                    rule,
                )
            elif resources & {"secrets", "pods/exec", "serviceaccounts/token", "nodes/proxy"} and verbs:
                self.add(
                    "sensitive-role",
                    "warning",
                    "gives access to secrets or to run in pods",
                    "Name the one object.",
                    rule,
                )
