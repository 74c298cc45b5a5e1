"""Harmless bash programs that call one command in all the ways that there are, made by chance from a seed."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random


@dataclass
class Writer:
    """Writes one program; ``before`` are the lines that a spelling needs before it."""

    chance: Random
    before: list[str] = field(default_factory=list)
    names: int = 0

    def name(self) -> str:
        self.names += 1
        return f"v{self.names}"

    def cut(self, word: str) -> int:
        return self.chance.randrange(1, len(word))

    def set(self, value: str) -> str:
        name = self.name()
        self.before.append(f"{name}={shlex.quote(value)}")
        return name

    def line(self, line: str) -> None:
        self.before.append(line)


Spelling = Callable[[Writer, str], str]
Wrapping = Callable[[Writer, str], str]


def program(seed: int, command: str) -> str:
    """A program that runs the command, in the same way for each command of the same length."""
    writer = Writer(Random(seed))
    text = writer.chance.choice(_SPELLINGS)(writer, command)
    if writer.chance.random() < 0.25:
        text = f"{text} {writer.chance.choice(('a', '-x', '$v', '*', '~'))}"
    for _ in range(writer.chance.randrange(0, 4)):
        before, writer.before = writer.before, []
        text = "\n".join([*before, text])
        text = writer.chance.choice(_WRAPPINGS)(writer, text)
        text = "\n".join([*writer.before, text])
        writer.before = []
    return "\n".join([*writer.before, text]) + "\n"


def _named(name: str, value: str) -> Callable[[Writer, str], str]:
    """A spelling by a variable: ``value`` is what it is set to, ``name`` the expansion, both about ``%w``."""
    return lambda writer, word: name % writer.set(value.replace("%w", word))


def _by_letters(spell: Callable[[str], str]) -> Spelling:
    return lambda writer, word: "".join(map(spell, word))


def _in_two(pattern: str) -> Spelling:
    def spell(writer: Writer, word: str) -> str:
        at = writer.cut(word)
        return pattern.replace("%1", word[:at]).replace("%2", word[at:])

    return spell


def _array(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"{name}=(x {word} y)")
    return f"${{{name}[1]}}"


def _sparse_array(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"{name}=([3]={word} [1]=x)")
    return f"${{{name}[3]}}"


def _map(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"declare -A {name}=([k]={word})")
    return f"${{{name}[k]}}"


def _indirect(writer: Writer, word: str) -> str:
    return f"${{!{writer.set(writer.set(word))}}}"


def _reference(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"declare -n {name}={writer.set(word)}")
    return f"${name}"


def _appended(writer: Writer, word: str) -> str:
    at = writer.cut(word)
    name = writer.set(word[:at])
    writer.line(f"{name}+={word[at:]}")
    return f"${name}"


def _printed_into(writer: Writer, word: str) -> str:
    at, name = writer.cut(word), writer.name()
    writer.line(f"printf -v {name} %s%s {word[:at]} {word[at:]}")
    return f'"${name}"'


def _read_from(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"read -r {name} <<< {word}")
    return f"${name}"


def _second_read(writer: Writer, word: str) -> str:
    first, second = writer.name(), writer.name()
    writer.line(f"read -r {first} {second} <<< 'x {word}'")
    return f"${second}"


def _lines_read(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"mapfile -t {name} <<< $'x\\n{word}'")
    return f"${{{name}[1]}}"


def _argument(writer: Writer, word: str) -> str:
    writer.line(f"set -- x {word}")
    return '"$2"'


def _shifted(writer: Writer, word: str) -> str:
    writer.line(f"set -- x y {word}; shift; shift")
    return "$1"


def _last_argument(writer: Writer, word: str) -> str:
    writer.line(f"set -- x y {word}")
    return writer.chance.choice(('"${@: -1}"', '"${!#}"', '"${@:3:1}"'))


def _function_output(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"{name}() {{ echo {word}; }}")
    return f"$({name})"


def _global_of_a_function(writer: Writer, word: str) -> str:
    function, name = writer.name(), writer.name()
    writer.line(f"{function}() {{ {name}=$1; }}; {function} {word}")
    return f"${name}"


def _case_changed(writer: Writer, word: str) -> str:
    return f"${{{writer.set(word.upper())},,}}"


def _moved_letters(writer: Writer, word: str) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    turned = word.translate(str.maketrans(letters, letters[3:] + letters[:3]))
    return f"$(tr d-za-c a-z <<< {turned})"


def _file(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"echo {word} > /tmp/{name}")
    return writer.chance.choice((f"$(cat /tmp/{name})", f"$(</tmp/{name})"))


def _loop_variable(writer: Writer, word: str) -> str:
    name = writer.name()
    writer.line(f"for {name} in x {word}; do :; done")
    return f"${name}"


def _chosen(writer: Writer, word: str) -> str:
    name = writer.name()
    choice = (
        f"case b in a) {name}=x;; b) {name}={word};; esac",
        f"if false; then {name}=x; else {name}={word}; fi",
    )
    writer.line(writer.chance.choice(choice))
    return f"${name}"


_SPELLINGS: tuple[Spelling, ...] = (
    lambda writer, word: word,
    lambda writer, word: f"'{word}'",
    lambda writer, word: f'"{word}"',
    lambda writer, word: f"\\{word}",
    lambda writer, word: f"$'{word}'",
    lambda writer, word: f'$"{word}"',
    _by_letters(lambda letter: f"\\{letter}"),
    _by_letters(lambda letter: f"'{letter}'"),
    lambda writer, word: "$'" + "".join(f"\\x{ord(letter):02x}" for letter in word) + "'",
    lambda writer, word: "$'" + "".join(f"\\{ord(letter):03o}" for letter in word) + "'",
    lambda writer, word: "$'" + "".join(f"\\u{ord(letter):04x}" for letter in word) + "'",
    _in_two("%1''%2"),
    _in_two('%1""%2'),
    _in_two("%1'%2'"),
    _in_two('"%1"%2'),
    _in_two("%1\\\n%2"),
    _in_two("%1$@%2"),
    _in_two('%1"${unset_here}"%2'),
    _in_two("%1${unset_here:-%2}"),
    _in_two("$(echo %1)%2"),
    _in_two("%1`echo %2`"),
    _in_two('"$(printf %s "%1")"%2'),
    _in_two("$(printf '%%s%%s' %1 %2)".replace("%%", "%")),
    _in_two("$(echo -n %1; echo %2)"),
    _in_two("$(echo %1 %2 | tr -d ' ')"),
    _in_two("%1$(: nothing)%2"),
    lambda writer, word: f"$(echo {word})",
    lambda writer, word: f"`echo {word}`",
    lambda writer, word: f"$(echo $(echo {word}))",
    lambda writer, word: f"$(rev <<< {word[::-1]})",
    lambda writer, word: f"$(echo {word[::-1]} | rev)",
    lambda writer, word: f"$(base64 -d <<< {base64.b64encode(word.encode()).decode()})",
    lambda writer, word: f"$(echo x{word} | cut -c2-)",
    lambda writer, word: f"$(sed s/x// <<< x{word})",
    lambda writer, word: f"$(cat <<E\n{word}\nE\n)",
    lambda writer, word: f"${{unset_here:-{word}}}",
    lambda writer, word: f"${{unset_here-$(echo {word})}}",
    lambda writer, word: f'"${{unset_here:={word}}}"',
    lambda writer, word: f"${{PATH:+{word}}}",
    _named("$%s", "%w"),
    _named("${%s}", "%w"),
    _named('"$%s"', "%w"),
    _named("${%s#x}", "x%w"),
    _named("${%s##*/}", "a/b/%w"),
    _named("${%s%%x}", "%wx"),
    _named("${%s%%%%-*}", "%w-a-b"),
    _named("${%s/x/}", "x%w"),
    _named("${%s//@/}", "@%w@"),
    _named("${%s:1}", "x%w"),
    _named("${%s:0:6}", "%wxyz"),
    _named("${%s: -6}", "xyz%w"),
    _named("${%s,,}", "%w"),
    _named("${%s@E}", "%w"),
    _array,
    _sparse_array,
    _map,
    _indirect,
    _reference,
    _appended,
    _printed_into,
    _read_from,
    _second_read,
    _lines_read,
    _argument,
    _shifted,
    _last_argument,
    _function_output,
    _global_of_a_function,
    _case_changed,
    _moved_letters,
    _file,
    _loop_variable,
    _chosen,
)


def _around(pattern: str) -> Wrapping:
    """``%c``: the program so far; ``%q``: as one quoted word; ``%n``: a new name."""

    def wrap(writer: Writer, text: str) -> str:
        if "<<E" in text and "E\n" in pattern:
            return text
        quoted = shlex.quote(text)
        return pattern.replace("%n", writer.name()).replace("%q", quoted).replace("%c", text)

    return wrap


def _encoded(writer: Writer, text: str) -> str:
    return f"base64 -d <<< {base64.b64encode(text.encode()).decode()} | bash"


_WRAPPINGS: tuple[Wrapping, ...] = (
    *map(
        _around,
        (
            ":\n%c",
            "%c\n:",
            "# why\n%c",
            ": || exit\n%c",
            "{ %c\n}",
            "( %c\n)",
            "{\n%c\n} 2>/dev/null",
            "if :; then\n%c\nfi",
            "if false; then :; else\n%c\nfi",
            "if false; then :; elif :; then\n%c\nfi",
            "if %c\nthen :; fi",
            "while %c\n! :; do :; done",
            "while :; do\n%c\nbreak; done",
            "until :; do :; done\n%c",
            "for %n in 1; do\n%c\ndone",
            "for %n in 1; { %c\n}",
            "for ((;;)); do\n%c\nbreak; done",
            "for %n in $(%c\n); do :; done",
            "case a in a)\n%c\n;; esac",
            "case a in b) :;; *)\n%c\nesac",
            "case a in a) :;& b)\n%c\nesac",
            "case a in a) :;;& a)\n%c\nesac",
            "case $(%c\n) in a) :;; esac",
            "%n() {\n%c\n}\n%n",
            "%n() (\n%c\n)\n%n",
            "function %n {\n%c\n}\n%n x y",
            "function %n() if :; then\n%c\nfi\n%n",
            "%n() { :; }; %n; %n() {\n%c\n}; %n",
            "! {\n%c\n}",
            ": && {\n%c\n}",
            "false || {\n%c\n}",
            ": | {\n%c\n}",
            "{\n%c\n} | cat",
            "{\n%c\n} & wait",
            "echo $(%c\n)",
            'echo "$(%c\n)"',
            'echo "a $(%c\n) b"',
            "%n=$(%c\n)",
            '%n="$(%c\n)"',
            "local_%n() { local x=$(%c\n); }; local_%n",
            "declare %n=$(%c\n)",
            "export %n=$(%c\n)",
            "readonly %n=$(%c\n)",
            "%n=(a $(%c\n))",
            "%n[$(%c\necho 1)]=x",
            "%n+=$(%c\n)",
            ": ${%n:-$(%c\n)}",
            ": ${%n:=$(%c\n)}",
            ": ${PATH:+$(%c\n)}",
            ': "${%n:-"$(%c\n)"}"',
            ": ${PATH#$(%c\n)}",
            ": ${PATH/$(%c\n)/}",
            ": $(( $(%c\necho 1) + 1 ))",
            "(( $(%c\necho 1) ))",
            "[[ -n $(%c\n) ]]",
            '[ -n "$(%c\n)" ]',
            "[[ x =~ $(%c\necho x) ]]",
            "cat <<E\n$(%c\n)\nE",
            "cat <<-E\n\t$(%c\n)\n\tE",
            'cat <<< "$(%c\n)"',
            "cat <(%c\n)",
            ": > >(%c\n); wait $!",
            ": > /tmp/$(%c\necho x)",
            ": 2>&1 $(%c\n) >/dev/null",
            "$(%c\n) :",
            "%n=1 $(echo :) $(%c\n)",
            "eval %q",
            "eval eval %q",
            "bash -c %q",
            "sh -c 'bash -c \"$1\"' sh %q",
            "bash -ec %q x",
            "bash <<< %q",
            "bash <<'E'\n%c\nE",
            "bash -s <<'E'\n%c\nE",
            "echo %q | bash",
            "printf '%s\\n' %q | bash",
            "bash <(echo %q)",
            "source /dev/stdin <<< %q",
            ". <(echo %q)",
            "echo %q > /tmp/%n; bash /tmp/%n",
            "echo %q > /tmp/%n; . /tmp/%n",
            "cat > /tmp/%n <<'E'\n%c\nE\nbash < /tmp/%n",
            "trap %q EXIT",
            "trap %q ERR; false",
            "trap -- %q USR1; kill -USR1 $$",
            "env X=1 bash -c %q",
            'env -i PATH="$PATH" bash -c %q',
            "command eval %q",
            "builtin eval %q",
            "nohup bash -c %q",
            "timeout 5 bash -c %q",
            "nice -n 1 bash -c %q",
            "setsid -w bash -c %q",
            "xargs -I{} bash -c {} <<< x; bash -c %q",
            "echo x | xargs -I{} bash -c %q",
            "find /tmp -maxdepth 0 -exec bash -c %q \\;",
            "time {\n%c\n}",
            "coproc {\n%c\n}; wait",
            "coproc %n {\n%c\n}; wait",
            "exec 3>&1; {\n%c\n} >&3",
            "echo x | while read -r %n; do\n%c\ndone",
            "while read -r %n; do\n%c\ndone <<< x",
            "select %n in a; do\n%c\nbreak; done <<< 1",
            '%n() { "$@"; }; %n eval %q',
            '%n() { eval "$1"; }; %n %q',
            "%n() { $1; }; x() {\n%c\n}; %n x",
            '%n=%q; eval "$%n"',
            '%n=(eval %q); "${%n[@]}"',
            'set -- eval %q; "$@"',
            "shopt -s expand_aliases\nalias %n=%q\n%n",
            "PS4='$(%n)'; %n() { :; }; set -x; :; set +x\n%c",
            "set -e\n%c\n",
            "set -euo pipefail; v=; %n=1\n%c",
            "exit_%n() { exit; }\n%c",
            "{ :; }; ( : ); %c",
            ":;{ %c\n};:",
            "if [ 1 ]\nthen\n%c\nfi",
            ":&& : \\\n  && {\n%c\n}",
            "a=1 b=2\n%c",
            "ls / >/dev/null\n%c",
            ": a | : b | : c\n%c",
            ": a | : b | : c && {\n%c\n}",
            ": `: a`\n%c",
            ": <<'E'\n$(\nE\n%c",
            ": $'a\\'b'\n%c",
            ": ${#PATH} $# # '\n%c",
            ': "it\'s"\n%c',
            "((x=1<<2))\n%c",
            "[[ a < b ]]\n%c",
            ": {a,b}{1..3} ~ *\n%c",
            "x=${x:-'}'}\n%c",
            ": $((1#1)) ${x%%#*}\n%c",
            "y=$(case a in a) echo b;; esac)\n%c",
            "y=$(cat <<'E'\n)\nE\n)\n%c",
            "y=`echo \\`echo a\\``\n%c",
        ),
    ),
    _encoded,
)
