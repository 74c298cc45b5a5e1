"""Configuration patches: what loosens security is found in the lines that they add, and nowhere else."""

from __future__ import annotations

import json
import time

import pytest
from suture_contracts.script import ScriptDocument
from suture_safety import analyse, analyse_document

LOOSENED = (
    "PermitRootLogin yes",
    "PermitEmptyPasswords yes",
    "PasswordAuthentication yes",
    "StrictModes no",
    "Ciphers aes128-cbc,3des-cbc",
    "MACs hmac-md5",
    "KexAlgorithms diffie-hellman-group1-sha1",
    "UsePAM no",
    "PubkeyAuthentication no",
    "IgnoreRhosts no",
    "PermitUserEnvironment yes",
    "Protocol 1",
    "MaxAuthTries 100",
    "LogLevel QUIET",
    "GatewayPorts yes",
    "PermitTunnel yes",
    "StrictHostKeyChecking no",
    "UserKnownHostsFile /dev/null",
    "app ALL=(ALL) NOPASSWD: ALL",
    "app ALL=(ALL:ALL) ALL",
    "app ALL=(root) NOPASSWD: /bin/bash",
    "%users ALL=(ALL) NOPASSWD:/usr/bin/vim",
    "Defaults !authenticate",
    "Defaults !requiretty",
    "Defaults !env_reset",
    'Defaults env_keep += "LD_PRELOAD"',
    "Defaults !log_allowed",
    "Defaults timestamp_timeout=-1",
    "ssl_protocols TLSv1 TLSv1.1 TLSv1.2;",
    "SSLProtocol all",
    "SSLProtocol +SSLv3",
    "ssl_ciphers ALL:!aNULL:RC4;",
    "SSLCipherSuite RC4-SHA",
    "MinProtocol = TLSv1.0",
    "CipherString = DEFAULT@SECLEVEL=0",
    "ssl_min_protocol_version = 'TLSv1'",
    'tls_min_version: "1.0"',
    "minVersion: TLS1.0",
    "ssl = off",
    "ssl_verify_client off;",
    "proxy_ssl_verify off;",
    "SSLVerifyClient none",
    "SSLProxyVerify none",
    "insecureSkipVerify: true",
    "InsecureSkipVerify = true",
    "verify_ssl: false",
    "sslmode=disable",
    "net.ipv4.ip_forward = 1",
    "net.ipv6.conf.all.forwarding = 1",
    "net.ipv4.conf.all.rp_filter = 0",
    "net.ipv4.conf.all.accept_redirects = 1",
    "net.ipv4.conf.all.send_redirects = 1",
    "net.ipv4.conf.all.accept_source_route = 1",
    "net.ipv4.tcp_syncookies = 0",
    "net.ipv4.icmp_echo_ignore_broadcasts = 0",
    "kernel.randomize_va_space = 0",
    "kernel.randomize_va_space=1",
    "kernel.kptr_restrict = 0",
    "kernel.dmesg_restrict = 0",
    "kernel.yama.ptrace_scope = 0",
    "kernel.unprivileged_bpf_disabled = 0",
    "kernel.perf_event_paranoid = -1",
    "kernel.sysrq = 1",
    "fs.protected_symlinks = 0",
    "fs.protected_hardlinks = 0",
    "fs.suid_dumpable = 2",
    "kernel.core_pattern = |/tmp/x",
    "autoindex on;",
    "server_tokens on;",
    "add_header Access-Control-Allow-Origin *;",
    "allow all;",
    "satisfy any;",
    "auth_basic off;",
    "disable_symlinks off;",
    "auth sufficient pam_permit.so",
    "auth required pam_unix.so nullok",
    "auth optional pam_unix.so",
    "account required pam_permit.so",
    "auth [success=done default=ignore] pam_succeed_if.so uid >= 0",
    "password sufficient pam_unix.so md5",
    "auth sufficient pam_rootok.so",
    "minlen = 1",
    "deny = 0",
    "PASS_MAX_DAYS 99999",
    "NoNewPrivileges=no",
    "ProtectSystem=false",
    "PrivateDevices=no",
    "PrivateNetwork=no",
    "PrivateUsers=no",
    "ProtectKernelModules=no",
    "ProtectKernelTunables=false",
    "ProtectControlGroups=0",
    "RestrictSUIDSGID=no",
    "RestrictNamespaces=no",
    "LockPersonality=no",
    "DynamicUser=no",
    "CapabilityBoundingSet=CAP_SYS_ADMIN",
    "AmbientCapabilities=CAP_SYS_ADMIN",
    "User=root",
    "SystemCallFilter=",
    "ReadWritePaths=/",
    "SELINUX=permissive",
    "host all all 0.0.0.0/0 trust",
    "local all all trust",
    "auth_enabled: false",
)
KEPT = (
    "PermitRootLogin no",
    "PasswordAuthentication no",
    "StrictModes yes",
    "app ALL=(root) NOPASSWD: /usr/bin/systemctl restart app",
    "ssl_protocols TLSv1.2 TLSv1.3;",
    "ssl_ciphers HIGH:!aNULL:!MD5:!RC4;",
    "SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1",
    "SSLProtocol -all +TLSv1.2",
    "MinProtocol = TLSv1.2",
    "net.ipv4.ip_forward = 0",
    "net.ipv4.tcp_syncookies = 1",
    "kernel.randomize_va_space = 2",
    "autoindex off;",
    "auth required pam_unix.so",
    "auth required pam_env.so",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "User=app",
    "SystemCallFilter=@system-service",
    "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
    "deny = 5",
    "minlen = 14",
    "# PermitRootLogin yes",
    "allow 10.0.0.0/8;",
    "bind 127.0.0.1",
    "ssl = on",
    "root ALL=(ALL:ALL) ALL",
    "%sudo ALL=(ALL:ALL) ALL",
    "Ciphers -3des-cbc",
    "Ciphers aes256-gcm@openssh.com",
    "kernel.core_pattern = |/usr/lib/systemd/systemd-coredump %P",
    "ReadWritePaths=/var/lib/app",
    'auth_basic "members";',
    "session required pam_limits.so",
    "# kernel.randomize_va_space = 0",
)
LOOSER = ("config.loosened", "warning")


def _found(text: str) -> list[tuple[str, str]]:
    return [(one.rule_id, one.severity) for one in analyse(text, "config").findings]


@pytest.mark.parametrize("line", LOOSENED)
def test_a_line_that_loosens_security_is_a_warning_where_it_is_added(line: str) -> None:
    assert LOOSER in _found(f"{line}\n")
    patch = f"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n-old\n+{line}\n"
    report = analyse(patch, "config")
    assert [one.line for one in report.findings if one.rule_id == "config.loosened"] == [6]


@pytest.mark.parametrize("line", LOOSENED)
def test_a_patch_that_takes_such_a_line_away_is_no_finding(line: str) -> None:
    assert LOOSER not in _found(f"--- a/x\n+++ b/x\n@@ -1,2 +1,1 @@\n same\n-{line}\n")


@pytest.mark.parametrize("line", KEPT)
def test_a_setting_that_is_strict_or_ordinary_is_no_finding(line: str) -> None:
    assert LOOSER not in _found(f"{line}\n")


@pytest.mark.parametrize("space", ["  ", "\t", "    \t"])
def test_white_space_hides_no_setting(space: str) -> None:
    assert LOOSER in _found(f"{space}PermitRootLogin{space}yes{space}\n")


@pytest.mark.parametrize(
    "line",
    [
        "SSLProtocol" + " " * 1_900,
        "Defaults " + "! " * 900,
        "ssl_ciphers " + "a:" * 900,
        "a NOPASSWD: " + "/" * 1_900,
    ],
)
def test_a_line_made_to_be_slow_ends_within_the_bounds(line: str) -> None:
    started = time.thread_time()
    analyse(f"{line}\n" * 100, "config")
    assert time.thread_time() - started < 6


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        ("/etc/ssh/sshd_config", {"PermitRootLogin": "yes"}),
        ("/etc/sysctl.d/app.conf", {"kernel.randomize_va_space": 0}),
        ("/etc/nginx/nginx.conf", {"http.server[1].autoindex": "on"}),
        ("/srv/app/app.yaml", {"db.tls": {"verify_ssl": False}}),
        ("/srv/app/app.yaml", {"hosts": [{"insecureSkipVerify": True}]}),
        ("/etc/systemd/system/app.service", {"Service.NoNewPrivileges": "no"}),
    ],
)
def test_a_setting_that_loosens_security_is_found_where_an_edit_sets_it(
    path: str, settings: dict[str, object]
) -> None:
    harmless = {"path": path, "set": {"Banner": "none"}}
    text = json.dumps({"edits": [harmless, {"path": path, "set": settings}]}, indent=1)
    found = [finding for finding in analyse(text, "config").findings if finding.rule_id == "config.loosened"]
    assert [text.split("\n")[finding.line - 1].strip() for finding in found] == [
        line.strip() for line in text.split("\n") if f'"{next(iter(settings))}"' in line
    ]
    assert not analyse(json.dumps({"edits": [harmless]}), "config").warnings


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"edits": [{"path": "/etc/passwd", "add_lines": ["app:x:0:0::/:/bin/sh"]}]}),
        "--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
    ],
)
def test_a_patch_of_a_file_that_is_not_declared_is_an_error(body: str) -> None:
    patch = {"script_type": "config", "body": body, "verify": "#!/bin/bash\ntest -s /etc/passwd\n"}
    report = analyse_document(ScriptDocument.model_validate({**patch, "writes": ["/srv/app/app.yaml"]}))
    assert [finding.rule_id for finding in report.findings if finding.severity == "error"] == [
        "document.undeclared-write"
    ]
    assert analyse_document(ScriptDocument.model_validate({**patch, "writes": ["/etc/passwd"]})).is_valid
    assert report.needs.writes == ("/etc/passwd",)


def test_a_patch_of_ten_thousand_edits_is_read_within_its_bounds() -> None:
    text = json.dumps({"edits": [{"path": "/a", "set": {"b": 1}}] * 10_000})
    began = time.process_time()
    analyse(text[:199_000].rsplit(", ", 2)[0] + "]}", "config")
    assert time.process_time() - began < 10
