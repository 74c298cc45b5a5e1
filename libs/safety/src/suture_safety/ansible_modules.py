"""What Ansible's modules do, as the bash commands that do the same."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from suture_safety.bash.values import ANY, UNKNOWN

Arguments = dict[str, str]
Lines = list[str]

_PIECES = re.compile("[\ue000-\ue003]+|[^\ue000-\ue003]+")
BODIES = {
    "shell": "bash",
    "command": "bash",
    "raw": "bash",
    "expect": "bash",
    "win_shell": "powershell",
    "win_command": "powershell",
    "win_powershell": "powershell",
    "powershell": "powershell",
    "postgresql_query": "sql",
    "mysql_query": "sql",
    "k8s": "kubernetes",
    "openshift": "kubernetes",
}
"""Modules that are given code, and its language."""

SILENT_MODULES = frozenset(
    """
    debug assert fail set_fact stat find slurp setup gather_facts meta pause wait_for wait_for_connection
    include_tasks import_tasks include_role import_role import_playbook include include_vars ping add_host
    group_by package_facts service_facts getent fetch command_info k8s_info async_status set_stats tempfile
    ssh_keyscan rpm_facts validate_argument_spec uri_info assemble_info reboot_info locale_gen dconf debconf
    alternatives capabilities seboolean sefcontext pam_limits pamd xml acl known_hosts hostname timezone
    npm gem pip_package_info xattr modprobe grub_crypt selogin kernel_blacklist
    """.split()  # noqa: SIM905 - as a list it fills the page
)
"""They look, or steer the run, or set what no rule is about."""


def _q(text: str) -> str:
    """Quoted for bash; what is not known stays as it is, so that it may still be empty."""
    return (
        "".join(piece if UNKNOWN.match(piece) else shlex.quote(piece) for piece in _PIECES.findall(text))
        or "''"
    )


def _path(arguments: Arguments) -> str:
    keys = ("path", "dest", "name", "destfile")
    return next((arguments[key] for key in keys if arguments.get(key)), ANY)


def _rights(arguments: Arguments, path: str) -> Lines:
    lines = []
    deep = "-R " if arguments.get("recurse", "").lower() in ("yes", "true") else ""
    if mode := arguments.get("mode"):
        lines.append(f"chmod {deep}{_q(mode)} {_q(path)}")
    if owner := arguments.get("owner"):
        lines.append(f"chown {deep}{_q(owner)} {_q(path)}")
    return lines


def _file(arguments: Arguments) -> Lines:
    path, state = _path(arguments), arguments.get("state", "file")
    if state == "absent":
        return [
            f"rm -rf {_q(path)}"
            if path.endswith("/") or "." not in path.rsplit("/", 1)[-1]
            else f"rm -f {_q(path)}"
        ]
    if state in ("link", "hard"):
        return [f"ln -sf {_q(arguments.get('src', ANY))} {_q(path)}"]
    made = {"directory": "mkdir -p", "touch": "touch"}.get(state)
    return [*([f"{made} {_q(path)}"] if made else []), *_rights(arguments, path)]


def _copy(arguments: Arguments) -> Lines:
    path = _path(arguments)
    source = arguments.get("content")
    written = (
        f"printf %s {_q(source)} > {_q(path)}"
        if source is not None
        else f"cp {_q(arguments.get('src', ANY))} {_q(path)}"
    )
    return [written, *_rights(arguments, path)]


def _line(arguments: Arguments) -> Lines:
    path = _path(arguments)
    if arguments.get("state") == "absent":
        return [f"sed -i {_q('/' + arguments.get('regexp', 'x').replace('/', '.') + '/d')} {_q(path)}"]
    line = arguments.get("line") or arguments.get("block") or arguments.get("replace") or ""
    return [f"printf %s {_q(line)} >> {_q(path)}", *_rights(arguments, path)]


def _fetched(arguments: Arguments) -> Lines:
    return [
        f"curl -fsS -o {_q(_path(arguments))} {_q(arguments.get('url', ANY))}",
        *_rights(arguments, _path(arguments)),
    ]


def _unpacked(arguments: Arguments) -> Lines:
    source, path = arguments.get("src", ANY), _path(arguments)
    fetched = [f"curl -fsS -o /tmp/archive {_q(source)}"] if "://" in source else []
    return [*fetched, f"tar -xf {'/tmp/archive' if fetched else _q(source)} -C {_q(path)}"]  # noqa: S108 - text, no file


def _package(manager: str) -> Callable[[Arguments], Lines]:
    def command(arguments: Arguments) -> Lines:
        name = arguments.get("name") or arguments.get("pkg") or arguments.get("package") or ""
        options = "".join(
            option
            for key, option in (
                ("allow_unauthenticated", " --allow-unauthenticated"),
                ("disable_gpg_check", " --nogpgcheck"),
                ("allow_downgrade", " --allow-downgrades"),
            )
            if arguments.get(key, "").lower() in ("yes", "true")
        )
        verb = "remove" if arguments.get("state") in ("absent", "removed") else "install"
        names = " ".join(_q(one.strip()) for one in name.replace(",", " ").split())
        return [f"{manager} {verb} -y{options} {names}"] if names else []

    return command


def _service(arguments: Arguments) -> Lines:
    name = _q(arguments.get("name", ANY))
    lines = []
    verb = {"stopped": "stop", "started": "start", "restarted": "restart", "reloaded": "reload"}.get(
        arguments.get("state", "")
    )
    if verb:
        lines.append(f"systemctl {verb} {name}")
    enabled = arguments.get("enabled", "").lower()
    if enabled in ("no", "false"):
        lines.append(f"systemctl disable {name}")
    if arguments.get("masked", "").lower() in ("yes", "true"):
        lines.append(f"systemctl mask {name}")
    return lines


def _user(arguments: Arguments) -> Lines:
    name = _q(arguments.get("name", ANY))
    if arguments.get("state") == "absent":
        remove = " -r" if arguments.get("remove", "").lower() in ("yes", "true") else ""
        return [f"userdel{remove} {name}"]
    options = "".join(
        f" {option} {_q(arguments[key])}"
        for key, option in (("uid", "-u"), ("groups", "-aG"), ("shell", "-s"))
        if arguments.get(key)
    )
    password = arguments.get("password", "")
    return (
        [f"usermod{options} {name}"]
        if options
        else ([f"passwd -l {name}"] if password.startswith(("!", "*")) else [])
    )


def _group(arguments: Arguments) -> Lines:
    return [f"groupdel {_q(arguments.get('name', ANY))}"] if arguments.get("state") == "absent" else []


def _cron(arguments: Arguments) -> Lines:
    job = arguments.get("job", "")
    return [f"echo {_q('* * * * * ' + job)} | crontab -", job] if job else []


def _mount(arguments: Arguments) -> Lines:
    path = _q(_path(arguments))
    unmounts = arguments.get("state") in ("absent", "unmounted")
    return (
        [f"umount {path}"]
        if unmounts
        else [
            f"mount -o {_q(arguments.get('opts') or 'defaults')} {_q(arguments.get('src') or 'none')} {path}"
        ]
    )


def _sysctl(arguments: Arguments) -> Lines:
    return [f"sysctl -w {_q(arguments.get('name', ANY))}={_q(arguments.get('value', ANY))}"]


def _selinux(arguments: Arguments) -> Lines:
    return ["setenforce 0"] if arguments.get("state") in ("disabled", "permissive") else []


def _firewall(arguments: Arguments) -> Lines:
    if arguments.get("state") in ("disabled", "reset"):
        return ["ufw disable"]
    if arguments.get("flush", "").lower() in ("yes", "true"):
        return ["iptables -F"]
    policy = arguments.get("policy", "").upper()
    return [f"iptables -P {_q(arguments.get('chain') or 'INPUT')} {policy}"] if policy == "ACCEPT" else []


def _repository(arguments: Arguments) -> Lines:
    force = arguments.get("force", "").lower() in ("yes", "true")
    lines = [f"git clone {_q(arguments.get('repo', ANY))} {_q(_path(arguments))}"]
    return [*lines, f"git -C {_q(_path(arguments))} reset --hard"] if force else lines


def _container(arguments: Arguments) -> Lines:
    name = _q(arguments.get("name", ANY))
    if arguments.get("state") in ("absent", "stopped"):
        return [f"docker {'rm -f' if arguments['state'] == 'absent' else 'stop'} {name}"]
    privileged = " --privileged" if arguments.get("privileged", "").lower() in ("yes", "true") else ""
    volumes = "".join(f" -v {_q(one)}" for one in arguments.get("volumes", "").split())
    network = f" --network {_q(arguments['network_mode'])}" if arguments.get("network_mode") else ""
    if not arguments.get("image"):
        return [f"docker start {name}"]
    return [f"docker run -d{privileged}{network}{volumes} --name {name} {_q(arguments['image'])}"]


def _image(arguments: Arguments) -> Lines:
    image = arguments.get("name", ANY)
    if tag := arguments.get("tag"):
        image = f"{image}:{tag}"
    return [f"docker {'rmi' if arguments.get('state') == 'absent' else 'pull'} {_q(image)}"]


def _database(drop: str) -> Callable[[Arguments], Lines]:
    return lambda arguments: (
        [f"{drop} {_q(arguments.get('name') or arguments.get('db') or ANY)}"]
        if arguments.get("state") == "absent"
        else []
    )


def _authorised(arguments: Arguments) -> Lines:
    if arguments.get("state") == "absent":
        return []
    home = "/root" if arguments.get("user") == "root" else f"/home/{arguments.get('user', 'user')}"
    return [
        f"echo {_q(arguments.get('key', ANY))} >> "
        + _q(arguments.get("path") or f"{home}/.ssh/authorized_keys")
    ]


def _always(line: str) -> Callable[[Arguments], Lines]:
    return lambda arguments: [line.replace("{}", _q(_path(arguments)))]


COMMANDS: dict[str, Callable[[Arguments], Lines]] = {
    "file": _file,
    **dict.fromkeys(("copy", "template", "assemble"), _copy),
    **dict.fromkeys(("lineinfile", "blockinfile", "replace"), _line),
    **dict.fromkeys(("get_url", "uri"), _fetched),
    "unarchive": _unpacked,
    **{name: _package("apt-get") for name in ("apt", "package")},
    **{name: _package(name) for name in ("yum", "dnf", "zypper", "pip")},
    "dnf5": _package("dnf"),
    **dict.fromkeys(("service", "systemd", "systemd_service", "sysvinit"), _service),
    "user": _user,
    "group": _group,
    "cron": _cron,
    "mount": _mount,
    "sysctl": _sysctl,
    "selinux": _selinux,
    **dict.fromkeys(("ufw", "firewalld", "iptables"), _firewall),
    "git": _repository,
    **dict.fromkeys(("docker_container", "podman_container"), _container),
    **dict.fromkeys(("docker_image", "docker_image_pull", "podman_image"), _image),
    "postgresql_db": _database("dropdb"),
    "mysql_db": _database("mysqladmin -f drop"),
    **dict.fromkeys(("postgresql_user", "mysql_user"), _database("dropuser")),
    "authorized_key": _authorised,
    "reboot": _always("reboot"),
    "script": lambda arguments: [f"bash {_q((arguments.get('') or arguments.get('cmd') or ANY).split()[0])}"],
    "filesystem": lambda arguments: [
        f"mkfs.{arguments.get('fstype') or 'ext4'} "
        + _q(arguments.get("dev") or arguments.get("device") or ANY)
    ],
    "parted": lambda arguments: (
        []
        if arguments.get("state", "info") == "info"
        else [f"parted -s {_q(arguments.get('device', ANY))} mkpart primary 0% 100%"]
    ),
    "lvol": lambda arguments: (
        [f"lvremove -f {_q(arguments.get('vg', ANY))}/{_q(arguments.get('lv', ANY))}"]
        if arguments.get("state") == "absent"
        else []
    ),
    "lvg": lambda arguments: (
        [f"vgremove -f {_q(arguments.get('vg', ANY))}"] if arguments.get("state") == "absent" else []
    ),
    "rpm_key": lambda arguments: [f"rpm --import {_q(arguments.get('key', ANY))}"],
    "apt_key": lambda arguments: [f"apt-key add {_q(arguments.get('file') or 'key')}"],
    "apt_repository": lambda arguments: [f"add-apt-repository -y {_q(arguments.get('repo', ANY))}"],
    "helm": lambda arguments: (
        [f"helm uninstall {_q(arguments.get('name', ANY))}"] if arguments.get("state") == "absent" else []
    ),
}
"""Each module, and the bash lines that do what a task with these arguments does."""
