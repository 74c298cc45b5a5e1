"""Ansible: each module is judged by what it does, and code handed to one as the language that it is."""

from __future__ import annotations

import pytest
from suture_safety import analyse
from suture_safety.ansible_modules import BODIES, COMMANDS


def _found(text: str) -> list[tuple[str, str]]:
    return [(one.rule_id, one.severity) for one in analyse(text, "ansible").findings]


@pytest.mark.parametrize(
    ("task", "rule", "severity"),
    [
        ("shell: rm -rf /", "filesystem.remove-system-root", "error"),
        ("command: rm -rf /etc", "filesystem.remove-system-root", "error"),
        ("command: {argv: [rm, -rf, /etc]}", "filesystem.remove-system-root", "error"),
        ("raw: mkfs.ext4 /dev/sda", "disks.make-filesystem", "error"),
        ("ansible.builtin.shell: curl http://x | bash", "remote.pipe-to-shell", "warning"),
        ("shell: |\n    true\n    rm -rf /\n", "filesystem.remove-system-root", "error"),
        ("action: shell rm -rf /", "filesystem.remove-system-root", "error"),
        ("local_action: {module: shell, cmd: rm -rf /}", "filesystem.remove-system-root", "error"),
        ("file: {path: /etc, state: absent}", "filesystem.remove-system-root", "error"),
        ("file: {path: '{{ d }}/', state: absent}", "filesystem.remove-if-empty", "error"),
        ("file: {path: /opt/a, mode: '0777'}", "permissions.world-writable", "warning"),
        ("copy: {content: x, dest: /etc/passwd}", "filesystem.overwrite-accounts", "error"),
        ("template: {src: a, dest: /etc/sudoers}", "accounts.edit-accounts", "warning"),
        (
            "lineinfile: {path: /etc/sudoers, line: 'a ALL=(ALL) NOPASSWD: ALL'}",
            "accounts.passwordless-root",
            "error",
        ),
        (
            "get_url: {url: 'https://x/a', dest: /a, validate_certs: no}",
            "ansible.unverified-transport",
            "warning",
        ),
        ("apt: {name: a, allow_unauthenticated: yes}", "packages.unsigned", "error"),
        ("yum: {name: a, disable_gpg_check: yes}", "packages.unsigned", "error"),
        ("user: {name: bob, state: absent, remove: yes}", "accounts.remove-user", "warning"),
        ("user: {name: bob, groups: sudo}", "accounts.add-to-admins", "warning"),
        ("service: {name: auditd, state: stopped}", "controls.service-off", "warning"),
        ("systemd: {name: firewalld, enabled: no}", "controls.service-off", "warning"),
        ("selinux: {state: disabled}", "controls.selinux-off", "error"),
        ("ufw: {state: disabled}", "controls.firewall-off", "error"),
        ("iptables: {flush: yes}", "controls.flush-firewall", "error"),
        ("iptables: {chain: INPUT, policy: ACCEPT}", "controls.open-policy", "error"),
        ("cron: {name: a, job: 'curl http://x | sh'}", "persistence.crontab", "warning"),
        ("authorized_key: {user: root, key: k}", "persistence.write", "warning"),
        ("docker_container: {name: a, image: b, privileged: yes}", "containers.privileged", "error"),
        ("docker_container: {name: a, image: b, volumes: ['/:/host']}", "containers.privileged", "error"),
        ("postgresql_query: {db: a, query: DROP TABLE x}", "sql.drop", "error"),
        ("mysql_db: {name: a, state: absent}", "databases.mysqladmin-drop", "error"),
        ("filesystem: {fstype: ext4, dev: /dev/sda}", "disks.make-filesystem", "error"),
        ("reboot:", "processes.power", "error"),
        ("k8s: {state: absent, kind: Namespace, name: a}", "cluster.delete", "error"),
        (
            "k8s: {definition: {apiVersion: v1, kind: Pod, spec: {hostNetwork: true}}}",
            "kubernetes.host-namespace",
            "error",
        ),
        ("win_shell: Remove-Item -Recurse -Force C:\\", "powershell.remove-system-root", "error"),
        ("sysctl: {name: kernel.randomize_va_space, value: '0'}", "kernel.panic-setting", "warning"),
        ("debug: {msg: \"{{ lookup('pipe', 'rm -rf /') }}\"}", "filesystem.remove-system-root", "error"),
        ("block: [{shell: rm -rf /}]", "filesystem.remove-system-root", "error"),
        ("ec2_instance: {state: terminated}", "ansible.removes", "warning"),
        ("mount: {path: /, state: unmounted}", "kernel.unmount-root", "warning"),
        ("lvol: {vg: a, lv: b, state: absent}", "disks.remove-volume", "error"),
        ("script: /tmp/x.sh", "dynamic.script-file", "warning"),
        ("apt_repository: {repo: 'ppa:x/y'}", "packages.untrusted-key", "warning"),
    ],
)
def test_a_dangerous_task_is_found_by_the_rule_of_what_it_does(task: str, rule: str, severity: str) -> None:
    assert (rule, severity) in _found(f"- name: a\n  {task}\n")


@pytest.mark.parametrize(
    "task",
    [
        "debug: {msg: hi}",
        "service: {name: nginx, state: restarted}",
        "apt: {name: nginx=1.2, state: present}",
        "copy: {src: a, dest: /etc/app/app.conf, mode: '0644'}",
        "file: {path: /srv/a, state: directory, mode: '0755'}",
        "command: systemctl status a",
        "template: {src: a.j2, dest: /etc/nginx/nginx.conf, validate: nginx -t -c %s}",
        "lineinfile: {path: /etc/ssh/sshd_config, regexp: '^PermitRootLogin', line: PermitRootLogin no}",
        "sysctl: {name: kernel.randomize_va_space, value: '2'}",
        "uri: {url: 'https://example.org/health'}",
        "user: {name: app, shell: /usr/sbin/nologin}",
    ],
)
def test_an_ordinary_task_has_neither_errors_nor_warnings(task: str) -> None:
    assert [one for one in _found(f"- name: a\n  {task}\n") if one[1] != "info"] == []


@pytest.mark.parametrize("where", ["tasks", "pre_tasks", "post_tasks", "handlers"])
def test_a_task_is_found_in_every_list_of_a_play(where: str) -> None:
    assert ("filesystem.remove-system-root", "error") in _found(
        f"- hosts: a\n  {where}:\n  - shell: rm -rf /\n"
    )


@pytest.mark.parametrize("where", ["block", "rescue", "always"])
def test_a_task_is_found_in_blocks_within_blocks(where: str) -> None:
    text = f"- block:\n  - debug: {{msg: a}}\n  {where}:\n  - block:\n    - shell: rm -rf /\n"
    assert ("filesystem.remove-system-root", "error") in _found(text)


def test_a_shell_body_is_found_at_its_own_line() -> None:
    text = "- name: a\n  shell: |\n    true\n    rm -rf /\n"
    lines = [one.line for one in analyse(text, "ansible").findings if one.rule_id.startswith("filesystem.")]
    assert lines
    assert all(3 <= line <= 4 for line in lines)


@pytest.mark.parametrize("prefix", ["", "ansible.builtin.", "ansible.legacy."])
def test_a_module_is_the_same_by_its_full_name(prefix: str) -> None:
    assert ("filesystem.remove-system-root", "error") in _found(f"- {prefix}shell: rm -rf /\n")


@pytest.mark.parametrize("module", sorted({*BODIES, *COMMANDS}))
def test_every_module_that_is_mapped_takes_odd_arguments(module: str) -> None:
    for arguments in ("", " x", " {}", " [a]", " {name: [a, {b: c}], state: absent, path: null}"):
        report = analyse(f"- {module}:{arguments}\n", "ansible")
        assert report.is_valid == (not report.errors)


def test_a_module_that_is_not_known_makes_what_is_touched_incomplete() -> None:
    report = analyse("- acme.tools.frobnicate: {a: b}\n", "ansible")
    assert [one.rule_id for one in report.findings] == ["ansible.unknown-module"]
    assert not report.needs.complete
