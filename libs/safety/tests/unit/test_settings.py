"""Settings that a script writes, edits or loads are judged as those of a configuration patch are."""

from __future__ import annotations

import pytest
from suture_safety import analyse


def _found(text: str) -> set[tuple[str, str]]:
    return {(one.rule_id, one.severity) for one in analyse(text, "bash").findings}


@pytest.mark.parametrize(
    "text",
    [
        "cat > /etc/sysctl.d/9.conf <<EOF\nkernel.randomize_va_space = 0\nEOF\n",
        "echo 'bob ALL=(ALL) NOPASSWD: ALL' | tee -a /etc/sudoers.d/bob",
        "sed -i 's/ssl_protocols.*/ssl_protocols TLSv1 TLSv1.1;/' /etc/nginx/nginx.conf",
        r"sed -i -e 's/^#\?StrictModes.*/StrictModes no/' /etc/ssh/sshd_config",
        r'sed -i "1s,^,auth sufficient pam_succeed_if.so uid >= 0\n,g" /etc/pam.d/su-l',
        "sed -i '1i auth sufficient pam_permit.so' /etc/pam.d/sshd",
        "echo 'protected-mode no' >> /opt/app/redis.conf",
        "echo kernel.kptr_restrict=0 > /tmp/x; sysctl -p /tmp/x",
    ],
)
def test_a_script_that_loosens_a_configuration_file_is_a_warning(text: str) -> None:
    assert ("config.loosened", "warning") in _found(text)


@pytest.mark.parametrize(
    "text",
    [
        "cat > /etc/sysctl.d/9.conf <<EOF\nkernel.randomize_va_space = 2\n# kernel.sysrq = 1\nEOF\n",
        "sed -i 's/^PermitRootLogin yes/PermitRootLogin no/' /etc/ssh/sshd_config",
        "sed -i 's/ssl_protocols.*/ssl_protocols TLSv1.2 TLSv1.3;/' /etc/nginx/nginx.conf",
        "sed 's/x/PermitEmptyPasswords yes/' /etc/ssh/sshd_config",
        "echo 'PermitEmptyPasswords yes' > /tmp/note.txt",
        "sed -i '/pam_permit.so/d' /etc/pam.d/sshd",
    ],
)
def test_a_script_that_tightens_one_or_writes_elsewhere_is_none(text: str) -> None:
    assert "config.loosened" not in {rule for rule, _ in _found(text)}


def test_forwarding_which_a_node_of_a_cluster_needs_is_only_told() -> None:
    text = "echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/k8s.conf"
    assert ("config.loosened", "info") in _found(text)


@pytest.mark.parametrize(
    ("loop", "rule"),
    [
        ("for f in /tmp/a /etc/passwd /tmp/b; do echo x > $f; done", "filesystem.overwrite-accounts"),
        ("for f in /tmp/a /etc/passwd; do { echo x; } > $f; done", "filesystem.overwrite-accounts"),
        ("for f in /tmp/a /etc/passwd; do > $f; done", "filesystem.overwrite-accounts"),
        ("for f in /tmp/a /etc/passwd; do A=1 echo x > $f; done", "filesystem.overwrite-accounts"),
        ("for f in /tmp/a /dev/tty; do cat < $f; done", "resources.reads-terminal"),
    ],
)
def test_every_value_of_a_loop_has_its_turn_in_a_redirection(loop: str, rule: str) -> None:
    assert rule in {name for name, _ in _found(loop)}
    harmless = loop.replace("/etc/passwd", "/tmp/c").replace("/dev/tty", "/tmp/c")
    assert rule not in {name for name, _ in _found(harmless)}


@pytest.mark.parametrize(
    "line", ["echo a 2>&1 >> /etc/fstab", "echo a &>> /etc/fstab", "echo a >> /etc/fstab 2>&1"]
)
def test_what_is_appended_overwrites_nothing_wherever_the_other_redirection_stands(line: str) -> None:
    rule = "filesystem.overwrite-system-file"
    assert rule not in {name for name, _ in _found(line)}
    assert rule in {name for name, _ in _found(line.replace(">>", ">"))}


@pytest.mark.parametrize(
    "text", ["select x in a b; do echo $x; break; done", "f() { select x; do break; done; }; f"]
)
def test_a_menu_without_input_waits_for_somebody(text: str) -> None:
    assert ("resources.waits-for-input", "warning") in _found(text)


@pytest.mark.parametrize("fed", ["echo 1 | {}", "{} < /tmp/answers", "{} <<< 1"])
def test_a_menu_that_is_fed_waits_for_nobody(fed: str) -> None:
    text = fed.format("select x in a b; do echo $x; break; done")
    assert "resources.waits-for-input" not in {rule for rule, _ in _found(text)}
