"""An organisation's policy: every field of it has an effect, for all targets or for one kind."""

from __future__ import annotations

import pytest
from suture_safety import InvalidPolicy, analyse, read_policy
from suture_safety.text_types import TextType

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: c\n    image: IMAGE\n"
REGISTRY = "registries: {allowed: [registry.example.org]}"


def _found(
    text: str, policy: str, script_type: TextType = "bash", target: str | None = None
) -> list[tuple[str, str, int]]:
    report = analyse(text, script_type, policy=read_policy(policy), target=target)
    return [(one.rule_id, one.severity, one.line) for one in report.findings]


def _refused(text: str, policy: str, script_type: TextType = "bash", target: str | None = None) -> list[str]:
    return [rule for rule, _, _ in _found(text, policy, script_type, target) if rule.startswith("policy.")]


@pytest.mark.parametrize(
    "command",
    [
        "docker run nginx:1.2",
        "docker run --rm -it -p 80:80 --name web -e A=b nginx:1.2 sh -c 'echo registry.example.org/a'",
        "docker run -itv /opt/a:/b --shm-size 1g nginx",
        "docker run -p80:80 -v/opt/app:/app nginx",
        "docker --context far container run nginx",
        "docker -H tcp://h:1 image pull nginx",
        "docker pull -q library/nginx",
        "docker create --network=none nginx",
        "docker service create --replicas 2 nginx",
        "docker service update --image nginx web",
        "sudo podman run --replace docker.io/library/nginx",
        "podman pull quay.io/a/b@sha256:00",
        "nerdctl -n k8s.io run nginx",
        "crictl pull nginx",
        "ctr -n k8s.io images pull docker.io/library/nginx:1",
        "skopeo copy docker://nginx:1 docker://registry.example.org/nginx:1",
        "buildah from nginx",
        "kubectl run a --image=nginx",
        "kubectl create deployment a --image nginx",
        "kubectl -n a set image deployment/web c=nginx:1.3",
        "I=nginx; docker run $I",
        'docker run "$1"',
        "docker build - <<'E'\nFROM nginx\nE",
        "cat > Dockerfile <<'E'\nFROM registry.example.org/a:1\nCOPY --from=nginx /a /b\nE\ndocker build .",
        "cat > /srv/compose.yaml <<'E'\nservices: {}\na:\n  image: nginx\nE\ndocker compose up -d",
    ],
)
def test_a_command_that_takes_an_image_of_another_registry_is_refused(command: str) -> None:
    assert "policy.registries" in _refused(command, REGISTRY)


@pytest.mark.parametrize(
    "command",
    [
        "docker run --rm -it -p 80:80 --name web registry.example.org/app:1 nginx",
        "docker pull registry.example.org/app:1",
        "docker run registry.example.org/app:$TAG",
        "docker ps; docker restart web; docker volume create data",
        "kubectl -n a set image deployment/web c=registry.example.org/app:1",
        "docker build - <<'E'\nARG B=registry.example.org/a\nFROM $B AS c\nFROM c\nCOPY --from=c /a /b\nE",
        "docker build - <<'E'\nFROM scratch\nE",
    ],
)
def test_what_takes_images_of_an_allowed_registry_alone_is_not_refused(command: str) -> None:
    assert _refused(command, REGISTRY) == []


@pytest.mark.parametrize(
    ("manifest", "line"),
    [
        (POD.replace("IMAGE", "nginx:1.2"), 7),
        (POD.replace("IMAGE", "registry.example.org.evil.net/app:1"), 7),
        (POD.replace("IMAGE", "registry.example.org/a:1") + "  initContainers:\n  - image: nginx:1\n", 9),
        (
            POD.replace("IMAGE", "registry.example.org/a:1")
            + "  volumes:\n  - name: v\n    image: {reference: quay.io/a/b:1}\n",
            10,
        ),
        (
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: a}\nspec:\n  jobTemplate:\n    spec:\n"
            "      template:\n        spec:\n          containers:\n          - image: nginx:1\n",
            10,
        ),
        (
            "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec:\n  template:\n"
            "    spec:\n      containers:\n      - image: nginx:1\n",
            8,
        ),
    ],
)
def test_a_manifest_with_an_image_of_another_registry_is_refused_at_its_line(
    manifest: str, line: int
) -> None:
    assert ("policy.registries", "error", line) in _found(manifest, REGISTRY, "kubernetes")


def test_a_manifest_inside_bash_is_held_against_the_policy_too() -> None:
    script = f"kubectl apply -f - <<'E'\n{POD.replace('IMAGE', 'nginx:1')}E\n"
    assert ("policy.registries", "error", 8) in _found(script, REGISTRY)
    assert _refused(script.replace("nginx", "registry.example.org/nginx"), REGISTRY) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM registry.example.org/a:1 AS b\nRUN x\nFROM nginx:1\n", 3),
        ("services:\n  web:\n    image: nginx:1\n", 3),
        (
            "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1 +1 @@\n-FROM registry.example.org/a\n+FROM nginx:1\n",
            5,
        ),
    ],
)
def test_a_build_or_compose_file_is_held_against_the_policy(text: str, line: int) -> None:
    assert ("policy.registries", "error", line) in _found(text, REGISTRY, "config")


@pytest.mark.parametrize("module", ["docker_container", "containers.podman.podman_container", "docker_image"])
def test_a_container_of_a_playbook_is_held_against_the_policy(module: str) -> None:
    task = f"- name: a\n  {module}:\n    name: nginx\n    image: nginx:1\n"
    assert "policy.registries" in _refused(task, REGISTRY, "ansible")


@pytest.mark.parametrize(
    ("image", "forbidden"),
    [
        ("nginx", "*:latest"),
        ("nginx", "nginx"),
        ("docker.io/library/nginx:1.2", "nginx:*"),
        ("index.docker.io/library/nginx:1.2", "nginx:*"),
        ("nginx:1.2", "docker.io/library/nginx:*"),
        ("registry.example.org:5000/a", "registry.example.org:5000/a:latest"),
    ],
)
def test_a_forbidden_image_is_refused_however_it_is_spelled(image: str, forbidden: str) -> None:
    policy = f"images: {{forbidden: ['{forbidden}']}}"
    assert _refused(f"docker pull {image}", policy) == ["policy.images"]
    assert _refused("docker pull registry.example.org/app:1.2", policy) == []


def test_an_image_that_is_not_known_may_be_the_forbidden_one() -> None:
    assert _refused("docker run $1", "images: {forbidden: ['nginx:*']}") == ["policy.images"]
    assert _refused("docker run example.org/app:$1", "images: {forbidden: ['nginx:*']}") == []


def test_only_allowed_images_may_be_taken() -> None:
    policy = "images: {allowed: ['registry.example.org/app:1.*']}"
    assert _refused("docker run registry.example.org/app:1.4", policy) == []
    assert _refused("docker run registry.example.org/app:2.0", policy) == ["policy.images"]


@pytest.mark.parametrize(
    ("policy", "severity", "valid"),
    [
        ("severities: {filesystem.remove-system-root: warning}", "warning", True),
        ("severities: {'filesystem.*': info}", "info", True),
        ("severities: {'filesystem.*': info, filesystem.remove-system-root: error}", "error", False),
        ("severities: {filesystem.remove-system-root: off}", None, True),
        ("{}", "error", False),
    ],
)
def test_a_severity_is_the_one_that_the_policy_gives(policy: str, severity: str | None, valid: bool) -> None:
    report = analyse("rm -rf /\n", "bash", policy=read_policy(policy))
    given = [one.severity for one in report.findings if one.rule_id == "filesystem.remove-system-root"]
    assert given == ([] if severity is None else [severity])
    assert report.is_valid == valid


@pytest.mark.parametrize(("text", "rule"), [("echo a\x00", "text.nul"), ("echo 'a\n", "bash.syntax")])
def test_no_policy_switches_off_what_says_that_a_text_is_not_readable(text: str, rule: str) -> None:
    report = analyse(text, "bash", policy=read_policy(f"severities: {{{rule}: off}}"))
    assert rule in [one.rule_id for one in report.findings]
    assert not report.is_valid


@pytest.mark.parametrize(
    ("policy", "refused", "passes"),
    [
        ("commands: {forbidden: [curl]}", "curl -fsS https://example.org/", "wget --version"),
        ("commands: {forbidden: [systemctl]}", "sudo nice bash -c 'systemctl restart a'", "echo systemctl"),
        ("commands: {allowed: ['systemctl', 'grep']}", "ls /tmp", "systemctl restart a; grep b /etc/hosts"),
        ("paths: {forbidden: ['/etc/*']}", "echo a > /etc/app/a.conf", "cat /etc/app/a.conf"),
        ("paths: {forbidden: ['/etc/*']}", "cd /etc && cp /srv/a app.conf", "cp /etc/a /srv/app.conf"),
        ("paths: {allowed: ['/srv/*']}", "touch /opt/a", "touch /srv/a"),
        (
            "hosts: {forbidden: ['*.example.net']}",
            "curl https://A.Example.NET/x",
            "curl https://example.org/x",
        ),
        (
            "hosts: {allowed: [mirror.example.org]}",
            "curl https://example.org/",
            "curl https://mirror.example.org/",
        ),
        ("users: {forbidden: [root]}", "sudo systemctl reload x", "sudo -u app ls"),
        ("users: {forbidden: [postgres]}", "su - postgres -c ls", "su - app -c ls"),
        ("users: {allowed: [app]}", 'sudo -u "$1" ls', "runuser -u app -- ls"),
        ("limits: {lines: 3}", "true\n" * 5, "true\ntrue"),
        ("limits: {characters: 20}", "echo " + "x" * 20, "echo x"),
    ],
)
def test_each_list_and_limit_refuses_what_it_names_and_nothing_else(
    policy: str, refused: str, passes: str
) -> None:
    field = policy.partition(":")[0]
    assert _refused(refused, policy) == [f"policy.{field}"]
    assert _refused(passes, policy) == []


def test_a_target_kind_has_entries_of_its_own_over_the_general_ones() -> None:
    policy = (
        "paths: {forbidden: ['/etc/*']}\nregistries: {allowed: [registry.example.org]}\n"
        "targets:\n  host:\n    paths: {forbidden: ['/boot/*']}\n    limits: {lines: 2}\n"
        "  kubernetes:\n    registries: {allowed: [docker.io]}\n"
        "    severities: {kubernetes.no-limits: error}\n"
    )
    assert _refused("touch /etc/a", policy) == ["policy.paths"]
    assert _refused("touch /etc/a", policy, target="database") == ["policy.paths"]
    assert _refused("touch /etc/a", policy, target="host") == []
    assert _refused("touch /boot/a", policy, target="host") == ["policy.paths"]
    assert _refused("true\ntrue\ntrue", policy, target="host") == ["policy.limits"]
    assert _refused("docker pull nginx:1", policy, target="host") == ["policy.registries"]
    pod = POD.replace("IMAGE", "nginx:1")
    assert _refused(pod, policy, "kubernetes", target="kubernetes") == []
    found = _found(pod, policy, "kubernetes", target="kubernetes")
    assert ("kubernetes.no-limits", "error") in [(rule, severity) for rule, severity, _ in found]


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ("a: [", "YAML"),
        ("- a", "policy: is no mapping"),
        ("image: {}", "unknown keys"),
        ("images: [nginx]", "policy.images"),
        ("images: {allowed: nginx}", "policy.images.allowed"),
        ("registries: {allowed: [1]}", "policy.registries.allowed"),
        ("severities: {a: fatal}", "policy.severities.a"),
        ("limits: {lines: 0}", "policy.limits.lines"),
        ("limits: {bytes: 1}", "policy.limits.bytes"),
        ("targets: {host: {targets: {}}}", "policy.targets.host"),
        ("--- {}\n--- {}\n", "keep one"),
        ("a: &a [x,x]\n" + "".join(f"b{i}: &b{i} [*a,*a]\n" for i in range(9_000)), "YAML"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_its_field(policy: str, named: str) -> None:
    with pytest.raises(InvalidPolicy, match=named):
        read_policy(policy)


@pytest.mark.parametrize(
    "text",
    [
        "cd /etc; touch a",
        "touch a",
        'touch "$1"',
        'cp /tmp/a "$(cat /tmp/where)"',
        "cd /etc && touch ./b/../a",
    ],
)
def test_a_path_that_is_not_known_may_be_one_that_is_forbidden(text: str) -> None:
    assert _refused(text, "paths: {forbidden: ['/etc/*']}") == ["policy.paths"]


@pytest.mark.parametrize("text", ["cd /srv && touch a", 'touch "/srv/$1"', "t=$(mktemp); touch $t"])
def test_a_path_that_can_only_be_elsewhere_is_not_refused(text: str) -> None:
    assert _refused(text, "paths: {forbidden: ['/etc/*']}") == []


def test_a_workload_may_take_only_the_service_accounts_of_the_policy() -> None:
    pod = POD.replace("IMAGE", "a/b:1") + "  serviceAccountName: "
    policy = "service_accounts: {allowed: [shop]}"
    assert _refused(pod + "shop\n", policy, "kubernetes") == []
    assert _refused(pod + "admin\n", policy, "kubernetes") == ["policy.service_accounts"]
    assert _refused(POD.replace("IMAGE", "a/b:1"), policy, "kubernetes") == ["policy.service_accounts"]


WORKLOAD = """apiVersion: batch/v1
kind: Job
metadata: {name: x}
spec:
  activeDeadlineSeconds: 600
  parallelism: 3
  template:
    spec:
      containers:
      - {name: a, image: "a/b:1", resources: {limits: {memory: 512Mi, cpu: 500m}}}
"""


@pytest.mark.parametrize(
    ("limit", "tighter", "written", "unbounded"),
    [
        ("container_memory_mb", 511, "memory: 512Mi, ", ""),
        ("container_millicpu", 499, "cpu: 500m", ""),
        ("job_seconds", 599, "  activeDeadlineSeconds: 600\n", ""),
        ("replicas", 2, "parallelism: 3", "parallelism: many"),
    ],
)
def test_a_manifest_has_to_bound_what_the_policy_bounds(
    limit: str, tighter: int, written: str, unbounded: str
) -> None:
    assert _refused(WORKLOAD, f"limits: {{{limit}: {tighter + 1}}}", "kubernetes") == []
    assert _refused(WORKLOAD, f"limits: {{{limit}: {tighter}}}", "kubernetes") == ["policy.limits"]
    without = WORKLOAD.replace(written, unbounded)
    assert _refused(without, f"limits: {{{limit}: 100000}}", "kubernetes") == ["policy.limits"]
