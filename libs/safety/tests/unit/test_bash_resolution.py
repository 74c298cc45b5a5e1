"""bash is read, not searched: whatever way a command is written, it is the same command."""

from __future__ import annotations

import base64

import pytest
from suture_safety import analyse

REMOVED_ROOT = "filesystem.remove-system-root"
ENCODED = base64.b64encode(b"rm -rf /").decode()

FORMS = [
    "rm -rf /",
    "rm -fr /",
    "rm --recursive --force /",
    "rm --recurs /",
    "'rm' -rf /",
    'r"m" -r"f" /',
    r"r\m -rf /",
    "/bin/rm -rf /",
    "$'\\x72\\x6d' -rf /",
    "A=rm; B=-rf; $A $B /",
    "A='rm -rf /'; $A",
    'DIR=/; rm -rf "$DIR"',
    'rm -rf "${DIR:-/}"',
    "rm${IFS}-rf${IFS}/",
    "rm$IFS-rf$IFS/",
    "IFS=,; C=rm,-rf,/; $C",
    "$(echo rm) -rf /",
    "`echo rm` -rf /",
    "$(printf 'r%s' m) -rf /",
    "sudo rm -rf /",
    "sudo -u root env A=1 nice -n 5 timeout 10 nohup rm -rf /",
    "command rm -rf /",
    "busybox rm -rf /",
    "bash -c 'rm -rf /'",
    'sh -ec "rm -rf /"',
    "bash <<< 'rm -rf /'",
    "bash <<EOF\nrm -rf /\nEOF",
    "cat <<EOF | sh\nrm -rf /\nEOF",
    "echo 'rm -rf /' | bash",
    "echo '/ fr- mr' | rev | sh",
    f"echo {ENCODED} | base64 -d | sh",
    f'eval "$(echo {ENCODED} | base64 --decode)"',
    "echo 726d202d7266202f | xxd -r -p | bash",
    "echo 'sn -sg /' | tr 'a-z' 'z-za-y' >/dev/null; rm -rf /",
    "eval rm -rf /",
    "eval 'r'm -rf /",
    "echo / | xargs rm -rf",
    "find / -maxdepth 0 -exec rm -rf / \\;",
    "for d in /tmp/a /; do rm -rf $d; done",
    'f() { rm -rf "$1"; }; f /',
    "function f { rm -rf /; }",
    "if true; then rm -rf /; fi",
    "case x in a) rm -rf /;; esac",
    'while read -r d; do rm -rf "$d"; done <<< /',
    "true && false || rm -rf /",
    "(cd / && rm -rf *)",
    "cd /; rm -rf -- *",
    "sudo -nu root rm -rf /",
    "sshpass -p x ssh host rm -rf /",
    "rsh host rm -rf /",
    "screen -dmS x bash -c 'rm -rf /'",
    "screen -S x -X stuff 'rm -rf /\n'",
    "tmux new-session -d -s x 'rm -rf /'",
    "tmux send-keys -t 0 'rm -rf /' Enter",
    "script -qc 'rm -rf /' /dev/null",
    "start-stop-daemon --start --exec /bin/rm -- -rf /",
    "parallel rm -rf ::: / /tmp/a",
    "echo / | parallel rm -rf",
    "chrt -f 1 rm -rf /",
    "sg root -c 'rm -rf /'",
    "batch <<< 'rm -rf /'",
    "/lib64/ld-linux-x86-64.so.2 /bin/rm -rf /",
    "git submodule foreach 'rm -rf /'",
    "ansible all -m shell -a 'rm -rf /'",
    "salt '*' cmd.run 'rm -rf /'",
    "gcloud compute ssh vm -- rm -rf /",
    "crictl exec x rm -rf /",
    "uv run rm -rf /",
    "tcsh -c 'rm -rf /'",
    "source /dev/stdin <<< 'rm -rf /'",
    "a-program-of-ours --quiet bash -c 'rm -rf /'",
    "rm -rf /tmp/../",
    "rm -rf {/,/tmp/x}",
    'C=(rm -rf /); "${C[@]}"',
    "C=rm; C+=' -rf /'; $C",
    "A=xrm; ${A#x} -rf /",
    "A=RM; ${A,,} -rf /",
    "A=rm; B=A; ${!B} -rf /",
    "trap 'rm -rf /' EXIT",
    "alias x='rm -rf'; x /",
    "ssh host 'rm -rf /'",
    "su -c 'rm -rf /'",
    "python3 -c \"import shutil; shutil.rmtree('/')\"",
    "python3 - <<'EOF'\nimport os\nos.system('rm -rf /')\nEOF",
    "perl -e 'system(\"rm -rf /\")'",
    "echo 'rm -rf /' > /tmp/x.sh; bash /tmp/x.sh",
    "printf -v C 'rm -rf /'; $C",
    "exec rm -rf /",
    "{ rm -rf /; } 2>/dev/null",
    "! rm -rf /",
    "time rm -rf /",
    "rm -rf / &",
    "docker exec box rm -rf /",
    "kubectl exec pod -- rm -rf /",
    "rm -rf 2>/dev/null /",
    "rm 2>/dev/null -rf /",
    "rm 2>&1 -rf /",
    ">/dev/null rm -rf /",
    "rm <<E -rf /\nE",
    "rm -rf /e??",
    "sudo -i <<< 'rm -rf /'",
    "coproc { rm -rf /; }",
    "case $(rm -rf /) in a) ;; esac",
    'X=$(cat <<E\nrm -rf /\nE\n); bash -c "$X"',
]


@pytest.mark.parametrize("script", FORMS)
def test_a_command_is_found_however_it_is_written(script: str) -> None:
    report = analyse(script, "bash")
    assert REMOVED_ROOT in [one.rule_id for one in report.findings]
    assert not report.is_valid


@pytest.mark.parametrize(
    "script",
    [
        "echo 'rm -rf /'",
        "# rm -rf /",
        "grep 'rm -rf /' /var/log/audit.log",
        "cat <<'EOF' > /tmp/readme\nrm -rf /\nEOF",
        "printf '%s\\n' 'rm -rf /'",
        "git commit -m 'never rm -rf /'",
        "A='rm -rf /'; echo \"$A\"",
        "logger 'refused: rm -rf /'",
    ],
)
def test_a_text_that_only_speaks_of_a_command_is_none(script: str) -> None:
    assert analyse(script, "bash").is_valid


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ('"$COMMAND" now', "dynamic.unresolved-command"),
        ("/???/r? -rf x", "dynamic.unresolved-command"),
        ('eval "$X"', "dynamic.eval"),
        ('bash -c "$X"', "dynamic.code"),
        ("source ./helpers.sh", "dynamic.source"),
        ("bash ./other.sh", "dynamic.script-file"),
        ("perl -e 'print 1'", "dynamic.foreign-code"),
        ("cat commands | sh", "dynamic.code"),
        ("curl -s https://example.com/x | bash", "remote.pipe-to-shell"),
        ("bash <(curl -s https://example.com/x)", "remote.pipe-to-shell"),
        ("wget -qO- https://example.com/x | sudo sh", "remote.pipe-to-shell"),
        ('eval "$(curl -s https://example.com/x)"', "dynamic.eval"),
        ("curl -s x | python3", "remote.pipe-to-shell"),
        ("base64 -d < payload | sh", "obfuscation.decoded-code"),
        ("kubectl apply -f release.yaml", "dynamic.manifest-file"),
        ("psql -f change.sql", "dynamic.script-file"),
        ('pwsh -Command "$X"', "dynamic.code"),
    ],
)
def test_what_cannot_be_told_beforehand_is_a_finding(script: str, rule: str) -> None:
    report = analyse(script, "bash")
    assert rule in [one.rule_id for one in report.findings]
    assert not report.needs.complete


@pytest.mark.parametrize(
    "guard",
    [
        ': "${DIR:?}"\n',
        'DIR="${1:?give a directory}"\n',
        '[ -n "$DIR" ] || exit 1\n',
        'if [ -z "$DIR" ]; then\n  echo "no directory"; exit 1\nfi\n',
        'DIR="$(mktemp -d)"\n',
        "DIR=/opt/app/cache\n",
    ],
)
def test_removing_below_a_variable_is_fine_once_it_cannot_be_empty(guard: str) -> None:
    script = f'{guard}rm -rf "$DIR/old"\nrm -rf "$DIR/"'
    assert "filesystem.remove-if-empty" not in [one.rule_id for one in analyse(script, "bash").findings]


def test_removing_below_a_variable_that_may_be_empty_is_an_error() -> None:
    for script in ('rm -rf "$DIR/"', "rm -rf $DIR/*", 'if x; then DIR=/tmp/a; fi; rm -rf "$DIR/"'):
        assert "filesystem.remove-if-empty" in [one.rule_id for one in analyse(script, "bash").findings]


@pytest.mark.parametrize(
    ("script", "line", "column"),
    [
        ("#!/bin/bash\n\n  rm -rf /\n", 3, 3),
        ("echo ok; rm -rf /", 1, 10),
        ("sudo rm -rf /", 1, 6),
        ("echo 'ä'; rm -rf /", 1, 11),
        ("bash -c 'true; rm -rf /'", 1, 16),
        ("cat <<'E' | sh\necho a\n rm -rf /\nE\n", 3, 2),
        ("bash -c '\ntrue\nrm -rf /'", 3, 1),
        ('f() {\n\trm -rf "$1"\n}\nf /\n', 2, 2),
    ],
)
def test_a_finding_names_the_line_and_column_where_the_command_stands(
    script: str, line: int, column: int
) -> None:
    found = next(one for one in analyse(script, "bash").findings if one.rule_id == REMOVED_ROOT)
    assert (found.line, found.column) == (line, column)


def test_every_value_that_a_variable_can_have_is_tried() -> None:
    script = 'D=/tmp/a\nif grep -q x /etc/motd; then D=/etc; fi\nrm -rf "$D"'
    assert REMOVED_ROOT in [one.rule_id for one in analyse(script, "bash").findings]


def test_a_script_that_a_shell_cannot_parse_is_refused() -> None:
    report = analyse("if true; then echo\n", "bash")
    assert not report.is_valid
    assert "bash.syntax" in [one.rule_id for one in report.findings]


def test_opening_a_file_for_reading_and_writing_is_bash_too() -> None:
    report = analyse("exec 9<>/run/lock/app\nflock 9\n", "bash")
    assert "bash.syntax" not in [one.rule_id for one in report.findings]
    assert "/run/lock/app" in report.needs.writes
