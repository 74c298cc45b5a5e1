"""Container images that a text names: what the policy's ``images`` and ``registries`` are held against."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.values import ANY, UNKNOWN
from suture_safety.pod_security import CONTAINERS
from suture_safety.yaml_reader import entries, items, place, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine
    from suture_safety.collector import Effects

_ENGINES = ("docker", "podman", "nerdctl")
IMAGE_TOOLS = frozenset(
    (*_ENGINES, "docker-compose", "podman-compose", "buildah", "skopeo", "crictl", "ctr", "kubectl", "oc")
)
_GROUPS = ("container", "image", "images", "service")
_TAKE_IMAGES = ("run", "create", "pull", "push")
# Options of `run`, `create` and `pull` without a value: after any other one stands its value.
_FLAGS = frozenset(
    """
    --detach --interactive --tty --rm --privileged --init --read-only --publish-all --no-healthcheck
    --oom-kill-disable --sig-proxy --disable-content-trust --quiet --all-tags --replace --rmi --no-hosts
    --env-host --http-proxy --tls-verify --use-api-socket --with-registry-auth --no-resolve-image --help
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_LETTERS = re.compile(r"-[ditPqa]+")
_LETTERS_AND_VALUE = re.compile(r"-[ditPqa]+[epvuwhlmc]")
_ENGINE_FLAGS = ("-D", "--debug", "--tls", "--tlsverify", "--remote", "-r", "--insecure-registry")
_FROM = re.compile(r"(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?")
_COPIED = re.compile(r"(?im)^[ \t]*(?:COPY|ADD|RUN)\b.*?--(?:from=|mount=\S*\bfrom=)([^\s,]+)")
_ARGUMENT = re.compile(r"(?im)^[ \t]*ARG[ \t]+(\w+)=(\S+)")
_REFERRED = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)")
_ENTRY = re.compile(r"""^[ \t]*(?:-[ \t]+)?["']?image["']?[ \t]*:[ \t]*["']?([^\s"'{,#]+)""", re.MULTILINE)
_BUILD_FILE = re.compile(r"(?:.*[/.])?(?:Docker|Container)file(?:\.[^/]*)?", re.IGNORECASE)
_COMPOSE_FILE = re.compile(r"(?:.*/)?[^/]*compose[^/]*\.ya?ml")


def of_object(node: Node, effects: Effects, offset: int) -> None:
    """The images of a manifest, wherever containers stand in it; ``offset`` lines lie before it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        known = entries(one)
        for key, value in known.items():
            if key in CONTAINERS:
                for container in items(value):
                    _of_field(entries(container).get("image"), effects, offset)
            elif key == "image":
                _of_field(entries(value).get("reference"), effects, offset)
        waiting += known.values()
        waiting += items(one)


def _of_field(node: Node | None, effects: Effects, offset: int) -> None:
    if node is not None and (image := scalar(node)):
        line, column = place(node)
        effects.image(image, (line + offset, column))


def of_command(machine: Machine, command: Command) -> None:
    """The images that a container engine or kubectl is told to take."""
    found = machine.collector.effects
    for image in _named(command):
        found.image(image, command.place)
    if command.name in _ENGINES or command.name in ("buildah", "docker-compose", "podman-compose"):
        for text in _files(machine, command):
            for image, _ in references(text):
                found.image(image, command.place)


def _named(command: Command) -> Iterator[str]:
    words = command.arguments
    if command.name in ("kubectl", "oc"):
        yield from _of_kubectl(words)
    elif command.name in _ENGINES or command.name in ("crictl", "ctr", "buildah"):
        rest = _after_verb(words)
        if rest is not None:
            yield from _operand(rest)
        yield from _values(words, "--image")
        if command.name == "buildah" and "from" in words[:4]:
            yield from _operand(words[words.index("from") + 1 :])
    elif command.name == "skopeo":
        yield from (word.removeprefix("docker://") for word in words if word.startswith("docker://"))


def _of_kubectl(words: list[str]) -> Iterator[str]:
    yield from _values(words, "--image")
    if "set" in words and "image" in words[words.index("set") :]:
        for word in words[words.index("image") + 1 :]:
            name, equals, image = word.partition("=")
            if equals and not name.startswith("-"):
                yield image


def _after_verb(words: list[str]) -> list[str] | None:
    """What follows ``run``, ``pull`` and their like; options of the engine itself may stand before."""
    position = 0
    while position < len(words):
        word = words[position]
        if word.startswith("-"):
            position += 1 if "=" in word or word in _ENGINE_FLAGS else 2
        elif word in _TAKE_IMAGES:
            return words[position + 1 :]
        elif word in _GROUPS:
            position += 1
        else:
            return None
    return None


def _operand(words: list[str]) -> Iterator[str]:
    """The first word that is neither an option nor an option's value."""
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            yield from words[position + 1 : position + 2]
            return
        if not word.startswith("-") or len(word) == 1:
            yield word
            return
        alone = "=" in word or word in _FLAGS or _LETTERS.fullmatch(word)
        attached = word[1] != "-" and len(word) > 2 and not _LETTERS_AND_VALUE.fullmatch(word)
        position += 1 if alone or attached else 2


def _values(words: list[str], option: str) -> Iterator[str]:
    for position, word in enumerate(words):
        if word == option and position + 1 < len(words):
            yield words[position + 1]
        elif word.startswith(option + "="):
            yield word[len(option) + 1 :]


def _files(machine: Machine, command: Command) -> Iterator[str]:
    """Build and compose files that this script wrote itself, or hands over on standard input."""
    words = command.arguments
    builds = "build" in words[:4] or "bud" in words[:4]
    composes = "compose" in command.name or "compose" in words[:4] or "stack" in words[:4]
    if not builds and not composes:
        return
    if "-" in words and command.stdin is not None:
        yield command.stdin.text
    pattern = _BUILD_FILE if builds else _COMPOSE_FILE
    given = set(command.options.get("-f", "").split())
    for path, stream in machine.files.items():
        if pattern.fullmatch(path) or any(path.endswith(name.lstrip("./")) for name in given):
            yield stream.text


def references(text: str) -> Iterator[tuple[str, int]]:
    """The images of a Dockerfile or a compose file, each with its line, from 1. A build stage is none."""
    arguments = dict(_ARGUMENT.findall(text))
    stages = {"scratch"}
    for match in _FROM.finditer(text):
        image = _filled(match[1], arguments)
        if image.lower() not in stages:
            yield image, text.count("\n", 0, match.start(1)) + 1
        if match[2]:
            stages.add(match[2].lower())
    for match in _COPIED.finditer(text):
        if match[1].lower() not in stages and not match[1].isdigit():
            yield _filled(match[1], arguments), text.count("\n", 0, match.start(1)) + 1
    for match in _ENTRY.finditer(text):
        yield _filled(match[1], {}), text.count("\n", 0, match.start(1)) + 1


def _filled(image: str, arguments: dict[str, str]) -> str:
    """With the defaults of its arguments; an argument without one is not known."""

    def value(match: re.Match[str]) -> str:
        return arguments.get(match[1] or match[3]) or match[2] or ANY

    return _REFERRED.sub(value, image)


def registry(image: str) -> str:
    """The registry that an image comes from; ``*`` in place of what is not known."""
    first, slash, _ = image.partition("/")
    if UNKNOWN.match(first):
        return "*"
    named = slash and ("." in first or ":" in first or first == "localhost" or UNKNOWN.search(first))
    host = first if named else "docker.io"
    return UNKNOWN.sub("*", "docker.io" if host == "index.docker.io" else host).lower()


def spellings(image: str) -> tuple[str, ...]:
    """All names of one image: ``nginx`` is also ``docker.io/library/nginx:latest``."""
    home = registry(image)
    first, slash, rest = image.partition("/")
    local = rest if slash and (first.lower() == home or "." in first or ":" in first) else image
    if home == "docker.io":
        local = local.removeprefix("library/")
    tagged = local if ":" in local.rsplit("/", 1)[-1] or "@" in local else f"{local}:latest"
    names = [image, f"{home}/{tagged}", f"{home}/{local}"]
    if home == "docker.io":
        names += [local, tagged]
        if "/" not in local:
            names += [f"{home}/library/{local}", f"{home}/library/{tagged}"]
    return tuple(dict.fromkeys(UNKNOWN.sub("*", name) for name in names))
