"""Lines of valid bash from its darker corners; none of them may hide the line that follows it."""

from __future__ import annotations

LINES = tuple(
    line.replace("⏎", "\n")
    for line in r"""
echo ${x//[^a-z]/_}
echo "${x//\"/\\\"}"
[[ $x =~ ^[0-9]+$ ]]
[[ $x =~ ^(a|b)\ c$ ]]
case $x in *\)*) ;; esac
case $x in '(') ;; ")") ;; esac
echo $'\''
echo $'a\\'
a=(1 2 # c⏎3)
echo \#x
echo a#b # c'd
x=$((2#101))
for ((i=0;i<3;i++)) do :; done
for ((i=0;i<3;i++)) { :; }
cat <<'A' <<"B"⏎x'⏎A⏎y"⏎B
echo "$(echo "$(echo ")")")"
echo ${x:+"a b"}
if [[ a && ( b || c ) ]]; then :; fi
! [[ x ]]
function a-b { :; }
a.b() { :; }
echo >&2 x
exec 2>&1
{ echo; } 2>&1 | tee /dev/null
echo a{1..3..2}
shopt -s extglob
trap - EXIT
let x+=1
echo $[1+1]
echo ${!x*}
echo ${!x@}
time -p :
[ ! -e x ]
echo "a\⏎b"
: <<'#'⏎foo '⏎#
cat <<\E⏎'⏎E
cat << "E F"⏎"⏎E F
cat <<E⏎$(echo "'")⏎'⏎E
cat <<E⏎${x:-'}⏎E
cat <<E⏎\$(⏎E
cat <<E |⏎x⏎E⏎cat
cat <<E && :⏎x⏎E
cat <<E; :⏎x'⏎E
cat > /dev/null <<E⏎x"⏎E
while read l; do :; done <<E⏎'⏎E
f() { cat <<E⏎'⏎E⏎}
echo \\
echo \"
echo \'
echo 'a'\''b'
x="${y:-"a b"}"
x=${y:-'}'}
x=${y:-\}}
x="${y%\}}"
x=${y%%'"'*}
x=${y##*[\"\']}
printf '%s\n' "${a[@]/#/x}"
echo ${#a[@]}
echo ${#}
echo $#
echo ${x#\#}
echo "${a[*]}"
((a<b))
((a<<2))
echo $((a<<2))
echo "$((a > b ? 1 : 2))"
x=`echo \"a\"`
x=`echo "'"`
x=$(case a in (a) :;; esac)
x=$(case a in a) :;; esac)
echo "`echo "a b"`"
a+=("x")
declare -a b=()
export -f f
echo -e "\e[31m"
alias ll='ls -l'
[ "$x" == "y" ] && : || :
while IFS= read -r l; do :; done < <(echo)
mapfile -t m < <(echo)
echo $((16#ff))
echo x >| /dev/null
echo x &>> /dev/null
echo x &> /dev/null
echo x 2>&-
exec 3<&-
exec {f}>/dev/null
: ${x?}
if :; then :; fi
if ! :; then :; elif :; then :; else :; fi
if :⏎then⏎:⏎fi
until :; do :; done
while false; do :; done
for i in a b; do :; done
for i; do :; done
for i in; do :; done
case x in a|b) :;; *) :; esac
case x in⏎esac
case "$x" in -*) ;; esac
case $x in [a-z]*) ;; [!0-9]) ;; esac
{ :; }
( : )
(:)
((1))
[[ -n $x ]]
[[ $a < $b ]]
[[ $a > $b ]]
[[ ! $a == *"b"* ]]
[[ $a == [[:space:]]* ]]
[[ "$a" =~ [[:space:]]+'"' ]]
test -f x -a -d y
[ -z "${x+set}" ]
f() { return 1; }
f() ( : )
f () ⏎{⏎:⏎}
function f() { :; }
function f⏎{⏎:⏎}
echo ~ ~root ~+
echo * ? [a]
echo a\ b
echo $x$y
echo "$x"'$y'
echo ${x}_y
echo $1 $@ $* $? $$ $! $- $0
echo "$@"
echo ${@:2}
echo ${1:-a}
echo ${x:1:2}
echo ${x: -1}
echo ${x^} ${x^^} ${x,}
echo ${x/a/b} ${x//a/b} ${x/#a/b} ${x/%a/b}
echo ${x@Q}
echo ${a[1]} ${a[-1]} ${a[$i]} ${a["k"]}
a[1]=2
a["x y"]=2
a[$((1+1))]=2
x+=y
x=
x= :
x=1 y=2
x=a\ b :
readonly z=1
local q=1
declare -r p=1
declare -A m=([a]=1 ["b c"]=2)
typeset -i n=1
export A=1 B="2"
unset x y
set -- a b
shift
eval ':'
source /etc/os-release
. /etc/os-release
echo a; echo b
echo a && echo b || echo c
echo a | cat | cat
echo a |& cat
echo a &
wait
: &
sleep 0 & wait $!
:;:
echo "a;b" 'c|d' e\;f
echo {a,b}c
echo {a,b
echo a}
echo }
echo { a
echo ]
echo =
echo ==a
echo !
echo -
echo --
echo @ % ^ , . /
echo if then fi
echo for in do done
echo case esac
echo "<<E"
echo '<<E'
echo a<<<b
cat <<<"a 'b"
cat <<< $'a⏎b'
echo 1>/dev/null
echo 2> /dev/null
echo a>/dev/null
>/dev/null echo a
</dev/null cat
2>/dev/null
echo a>/dev/null b
echo $(</dev/null)
echo "$(</dev/null)"
echo `:`
echo $(:)$(:)
echo "$(: "a b" 'c"d')"
echo "${x:-$(echo "}")}"
echo "${x:-`echo a`}"
echo $(( 1 + $(echo 1) ))
echo $(( (1) ))
echo $(((1)+(2)))
( (:) )
((:); :)
$((1)) 2>/dev/null || :
echo "é" ü
# comment ' " ` $(
: # comment '
:\⏎
echo a \⏎  b
echo a \⏎⏎
echo 'a⏎b'
echo "a⏎b"
echo "a⏎'b"
x='⏎'
x="⏎"
printf "%s\n" a
printf '\\n'
awk '{print $1}' /dev/null
awk 'BEGIN { print "a" }'
sed -e 's/a/b/' -e "s/'/\"/" /dev/null
sed 's/\(a\)/\1/;s#a#b#' /dev/null
grep -E '^(a|b)$' /dev/null
find /dev/null -name '*.x' -exec echo {} \;
find /dev/null \( -name a -o -name b \)
xargs -0 -I{} echo {} </dev/null
tr -d '"' </dev/null
tr '\n' ' ' </dev/null
cut -d'"' -f1 /dev/null
date +'%Y-%m-%d %H:%M'
[ "$(id -u)" -ne 0 ]
if [ "$x" = 'a"b' ]; then :; fi
if [[ $x = *'"'* ]]; then :; fi
coproc cat
wait; :
select i in a; do break; done </dev/null
echo "$((x)) ${y} $(:) `:` \$z"
echo "\`" "\$(" "\\"
echo '$(' '`' '"'
echo $"a"
x=$'\t' y=$"b"
! :
! : | :
time :
time { :; }
exec 4>&1 5<&0
:>/dev/null
[[ a ]] && [[ b ]]
[[ a ]]; [[ b ]]
[[ ( a ) ]]
[[ -v x ]]
[[ a -nt b ]]
(( x++ )) ; (( ++x )); (( x+=1 ))
(( x = y > 1 ? 2 : 3 ))
(( a && b || c ))
(( ! x ))
let "x = 1 << 2"
echo ${x:=a} ${x=b} ${x:?c}
echo ${x%a} ${x%%a*} ${x#*a} ${x##*/}
echo ${x//\//_}
echo ${x//\'/}
echo ${x//'"'/}
echo ${x/\"/\'}
echo "${x%"${x##*[![:space:]]}"}"
echo "${x#"${x%%[![:space:]]*}"}"
IFS=$'\n' read -r a </dev/null
IFS=: read -r a b <<< "x:y"
""".strip("\n").split("\n")
)
