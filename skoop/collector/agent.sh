#!/bin/sh
# Prints the network state of a node's host namespace and of its pods' namespaces.
#
#   agent.sh [--host PATH] [--pod NS/NAME=UID]... [--netns NS/NAME=PATH]... [--pod-logs FOLDER]
#            [--conntrack-limit N] [--pack]
#
# Needs sh, iproute2 and iptables; uses nft, ipset, conntrack, ss, bridge, tc, wg and nsenter where
# they exist. Changes nothing. May be piped into `sh -s -- ARGS`: it never reads its own file, and
# needs no end of its input. --pod-logs names kubelet's folder of logs, whose entries
# NAMESPACE_POD_UID stand for all pods of the node when no API server can be asked.
#
# With --pack the output is a line "skoop-pack gzip", "skoop-pack cksum" or "skoop-pack plain", then
# what follows below: as gzip, which carries length and checksum; or with a last line
# "skoop-cksum SUM LENGTH" as cksum(1) computes them; or as it is. The status is the agent's.
#
# Output: a line "skoop-agent 1 TOKEN", then chunks that begin with a line "@TOKEN WORD ..." (the
# newline before it belongs to the mark, not to the text). TOKEN is random, so no text can forge it:
#   ns host INODE | ns pod INODE UID NS/NAME     a namespace begins
#   out COMMAND                                  what COMMAND printed
#   batch FLAGS|OBJECT|OBJECT...                 what `ip FLAGS -batch` printed, a line per object
#   rc STATUS                                    how that command ended; the text is its stderr
#   note SENTENCE                                something that could not be collected
#   end                                          nothing was cut off
# Inside BODY no single quote may occur: it is handed to a shell in each pod as one argument.

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
LC_ALL=C
export PATH LC_ALL
SKOOP_SHELL=${SKOOP_SHELL:-sh}
CONNTRACK_LIMIT=65536

BODY='
mark() { printf "\n@%s %s\n" "$TOKEN" "$*"; }
note() { mark "note $*"; }
have() { command -v "$1" >/dev/null 2>&1; }
# A program by its path: busybox shells may prefer their own ip and tc, which know no JSON.
find_tool() {
    TOOL=
    IFS=:
    for DIR in $PATH; do
        if [ -x "$DIR/$1" ] && [ ! -d "$DIR/$1" ]; then TOOL=$DIR/$1; break; fi
    done
    unset IFS
    if [ -z "$TOOL" ] && have "$1"; then TOOL=$1; fi
    [ -n "$TOOL" ]
}

# Stdout goes straight through, stderr is kept for the rc chunk.
run() {
    NAME=${1##*/}; TOOL=$1; shift
    mark "out $NAME $*"
    set -- "$TOOL" "$@"
    { ERR=$("$@" 2>&1 1>&3 3>&-); RC=$?; } 3>&1
    mark "rc $RC"
    printf "%s" "$ERR"
}
absent() { mark "out $1"; mark "rc 127"; }
either() { if have "$1"; then run "$@"; else absent "$*"; fi; }

# A file without a fork; $1 the path. A file that does not exist is an empty one.
file() {
    mark "out $1"
    if [ ! -e "$1" ]; then mark "rc 0"; return; fi
    { while IFS= read -r LINE; do printf "%s\n" "$LINE"; done <"$1"; } 2>/dev/null
    if [ -r "$1" ]; then mark "rc 0"; else mark "rc 126"; fi
}
first_line() {
    LINE=
    [ -r "$1" ] && IFS= read -r LINE <"$1" 2>/dev/null
    [ -n "$LINE" ]
}

# $1 flags, the rest objects. One process for all; one each if that fails.
batch() {
    FLAGS=$1; shift
    LIST=$FLAGS; TEXT=
    for OBJECT; do LIST="$LIST|$OBJECT"; TEXT="$TEXT$OBJECT
"; done
    OUT=$("$IP" $FLAGS -batch - 2>/dev/null <<END
$TEXT
END
)
    if [ $? = 0 ]; then
        mark "batch $LIST"
        printf "%s\n" "$OUT"
        mark "rc 0"
        return
    fi
    OUT=
    for OBJECT; do run "$IP" $FLAGS $OBJECT; done
}

# One grep for all files: /proc/sys gives a whole value to the first read only, and the read of dash
# and busybox takes one byte.
sysctls() {
    mark "out grep sysctl"
    set -- /proc/sys/net/ipv4/conf/*
    (
        cd /proc/sys/net || exit
        V4="forwarding rp_filter accept_local route_localnet proxy_arp proxy_arp_pvlan arp_ignore
            arp_filter arp_announce src_valid_mark disable_policy disable_xfrm accept_redirects
            send_redirects ignore_routes_with_linkdown"
        V6="forwarding force_forwarding disable_ipv6 accept_ra proxy_ndp ignore_routes_with_linkdown"
        FILES=
        for KEY in $V4; do
            if [ $# -gt 300 ]; then grep -sH "" ipv4/conf/*/$KEY; else FILES="$FILES ipv4/conf/*/$KEY"; fi
        done
        for KEY in $V6; do
            if [ $# -gt 300 ]; then grep -sH "" ipv6/conf/*/$KEY; else FILES="$FILES ipv6/conf/*/$KEY"; fi
        done
        for KEY in ip_forward ip_local_port_range ip_nonlocal_bind ip_default_ttl ip_no_pmtu_disc \
            ip_forward_use_pmtu fib_multipath_hash_policy fib_multipath_use_neigh tcp_l3mdev_accept \
            udp_l3mdev_accept fwmark_reflect tcp_fwmark_accept icmp_ratelimit icmp_ratemask \
            icmp_msgs_per_sec icmp_echo_ignore_all ip_unprivileged_port_start \
            neigh/default/gc_thresh1 neigh/default/gc_thresh2 neigh/default/gc_thresh3 vs/conntrack; do
            FILES="$FILES ipv4/$KEY"
        done
        for KEY in bindv6only ip_nonlocal_bind fib_multipath_hash_policy fwmark_reflect \
            icmp/echo_ignore_all \
            neigh/default/gc_thresh1 neigh/default/gc_thresh2 neigh/default/gc_thresh3; do
            FILES="$FILES ipv6/$KEY"
        done
        for KEY in max count tcp_be_liberal tcp_loose checksum; do
            FILES="$FILES netfilter/nf_conntrack_$KEY"
        done
        exec grep -sH "" $FILES bridge/* core/somaxconn
    ) 2>/dev/null
    mark "rc 0"
}

# Each of these words alone: other forms of wg print private and preshared keys.
wireguard() {
    for WORD in public-key listen-port fwmark endpoints allowed-ips latest-handshakes; do
        either wg show all $WORD
    done
}

# Legacy tables exist only where the kernel names them. $1 file, $2 command ("" for none).
legacy() {
    file "$1"
    first_line "$1" || return
    LEGACY_USED=yes
    if [ -n "$2" ]; then run "$2"; fi
}
firewall() {
    LEGACY_USED=
    legacy /proc/net/ip_tables_names "$LEGACY4"
    legacy /proc/net/ip6_tables_names "$LEGACY6"
    TABLES=unknown
    if have nft; then
        mark "out nft list tables"
        TABLES=$(nft list tables 2>/dev/null) || TABLES=unknown
        printf "%s" "$TABLES"
        if [ "$TABLES" = unknown ]; then mark "rc 1"; else mark "rc 0"; fi
    fi
    if [ -n "$TABLES" ]; then
        [ -n "$NFT4" ] && run $NFT4
        [ -n "$NFT6" ] && run $NFT6
        either nft -j list ruleset
    fi
    # Only rules ask for sets.
    [ -z "$TABLES$LEGACY_USED" ] || either ipset save
}
sockets() {
    if have ss; then
        if [ -d /proc/net/sctp ]; then run ss -H -lntuS; else run ss -H -lntu; fi
        return
    fi
    for NAME in tcp tcp6 udp udp6; do
        [ -e /proc/net/$NAME ] && run cat /proc/net/$NAME
    done
}
connections() {
    COUNT=/proc/sys/net/netfilter/nf_conntrack_count
    # read may get the first digit only (see sysctls), which is enough for a zero.
    LINE=0
    { IFS= read -r LINE <$COUNT; } 2>/dev/null
    [ "$LINE" != 0 ] || return
    LINE=$(cat $COUNT 2>/dev/null) || return
    if [ "$LINE" -gt "$CONNTRACK_LIMIT" ]; then
        mark "out conntrack -L"
        mark "rc 1"
        printf "%s entries, more than the limit of %s" "$LINE" "$CONNTRACK_LIMIT"
    elif have conntrack; then
        run conntrack -L -f ipv4
        run conntrack -L -f ipv6
    elif [ -r /proc/net/nf_conntrack ]; then
        run cat /proc/net/nf_conntrack
    else
        absent "conntrack -L"
    fi
}
# kube-proxy tells its mode to the node alone (its default metrics address).
proxy_mode() {
    WHERE=http://127.0.0.1:10249/proxyMode
    have timeout && have wget || return
    TEXT=$(timeout 2 wget -q -O - $WHERE 2>/dev/null) || return
    mark "out $WHERE"
    printf "%s" "$TEXT"
    mark "rc 0"
}
# Filters hang only on these two qdiscs, which few devices have.
filters() {
    QDISCS=$("$TC" qdisc show 2>/dev/null)
    case $QDISCS in *clsact*|*ingress*) ;; *) return ;; esac
    printf "%s\n" "$QDISCS" | while read -r WORD KIND HANDLE DEV DEVICE REST; do
        case $KIND in
            clsact) run "$TC" -j filter show dev "$DEVICE" ingress
                run "$TC" -j filter show dev "$DEVICE" egress ;;
            ingress) run "$TC" -j filter show dev "$DEVICE" ingress ;;
        esac
    done
}
collect() {
    batch "-j -d" link addr "neigh show nud all" "neigh show proxy" nexthop
    LINKS=$OUT
    batch "-j -4" "route show table all" "route show cache" rule
    batch "-j -6" "route show table all" "route show cache" rule
    case $LINKS in
        ""|*\"bridge\"*|*\"vxlan\"*) either bridge -j fdb; either bridge -j -d link ;;
    esac
    case $LINKS in *\"vlan_filtering\":1*) either bridge -j vlan ;; esac
    case $LINKS in *\"wireguard\"*) wireguard ;; esac
    case $1 in
        host) run "$IP" -4 route show table all
            # With their age: which of them a full table may throw out.
            run "$IP" -j -s neigh show nud stale ;;
    esac
    if [ -n "$TC" ]; then run "$TC" -j qdisc; filters; fi
    sockets
    sysctls
    firewall
    connections
    # IPVS: there when the module is, and nearly always without content.
    if [ -e /proc/net/ip_vs ]; then
        run cat /proc/net/ip_vs
        run head -n 4096 /proc/net/ip_vs_conn
    fi
    case $1 in host) proxy_mode ;; esac
    return 0
}
# In a pod found by its process: is it still the same one? $1 UID, $2 process.
same_pod() {
    while IFS= read -r LINE; do
        case $LINE in *"pod$1"*|*"pod$(printf "%s" "$1" | tr - _)"*) return 0 ;; esac
    done <"/proc/$2/cgroup"
    return 1
} 2>/dev/null
'
eval "$BODY"

# Which binaries show which backend; a plain iptables-save tells by its version (before 1.8: legacy).
backends() {
    NFT4=; NFT6=; LEGACY4=; LEGACY6=
    have iptables-legacy-save && LEGACY4=iptables-legacy-save
    have ip6tables-legacy-save && LEGACY6=ip6tables-legacy-save
    have iptables-nft-save && NFT4=iptables-nft-save
    have ip6tables-nft-save && NFT6=ip6tables-nft-save
    have iptables-save || return
    PLAIN=$(iptables-save --version 2>/dev/null || iptables --version 2>/dev/null)
    case $PLAIN in
        *nf_tables*) : "${NFT4:=iptables-save}" ;;
        *) : "${LEGACY4:=iptables-save}" ;;
    esac
    have ip6tables-save || return
    case $PLAIN in
        *nf_tables*) : "${NFT6:=ip6tables-save}" ;;
        *) : "${LEGACY6:=ip6tables-save}" ;;
    esac
}

# The namespaces' inodes of files, "INODE PATH" a line.
inodes() {
    stat -L -c "%i %n" "$@" 2>/dev/null && return
    for LINK; do
        NAME=$(readlink "$LINK" 2>/dev/null) || NAME=
        case $NAME in
            net:*) NAME=${NAME#net:?}; printf "%s %s\n" "${NAME%?}" "$LINK" ;;
            *) stat -L -c "%i %n" "$LINK" 2>/dev/null ;;
        esac
    done
}

# $1 path or PID, then a command for the shell inside. Prints nothing of its own.
enter() {
    case $1 in
        /*) set -- "--net=$1" "$2" ;;
        *) set -- "-t $1 -n" "$2" ;;
    esac
    nsenter $1 -- $SKOOP_SHELL -c "$BODY
$2" skoop "$TOKEN" "$CONNTRACK_LIMIT" "$LEGACY4" "$LEGACY6" "$NFT4" "$NFT6" "$IP" "$TC"
}
SETUP='TOKEN=$1 CONNTRACK_LIMIT=$2 LEGACY4=$3 LEGACY6=$4 NFT4=$5 NFT6=$6 IP=$7 TC=$8
'

# All processes once: those nearest to the pod itself (shortest cgroup path) stand for it. More than
# one, because some end meanwhile: a probe runs in the pod as the pod's own processes do. A zombie
# has no network namespace any more. Paths are compared without "ID:CONTROLLERS:", which depends on
# how many hierarchies a starting process has joined so far; nor need it be in the pod's network
# namespace yet.
find_processes() {
    for DIR in /proc/[0-9]*; do
        { while IFS= read -r LINE; do
            case $LINE in *kubepods*pod*|*pod????????-*|*pod????????_*) ;; *) continue ;; esac
            ID=${LINE##*pod}
            ID=${ID%%[./]*}
            case $ID in *[!0-9A-Za-z_-]*|"") continue ;; esac
            KEY=
            while :; do
                case $ID in *-*) KEY=$KEY${ID%%-*}_; ID=${ID#*-} ;; *) KEY=$KEY$ID; break ;; esac
            done
            [ -e "$DIR/ns/net" ] || break
            LINE=${LINE#*:*:}
            eval "BEST=\${LENGTH_$KEY:-99999} NEAREST=\${PROCESS_$KEY:-} LAST=\${LINE_$KEY:-}"
            # Many short-lived ones of one container leave room for another container's.
            ROOM=200
            [ "$LINE" = "$LAST" ] && ROOM=60
            if [ ${#LINE} -lt "$BEST" ]; then
                eval "PROCESS_$KEY=${DIR#/proc/} LENGTH_$KEY=${#LINE}"
            elif [ ${#LINE} = "$BEST" ] && [ ${#NEAREST} -lt $ROOM ]; then
                eval "PROCESS_$KEY=\"$NEAREST ${DIR#/proc/}\""
            fi
            eval "LINE_$KEY=\$LINE"
            break
        done <"$DIR/cgroup"; } 2>/dev/null
    done
}
process_of() {
    ID=$1; KEY=
    while :; do
        case $ID in *-*) KEY=$KEY${ID%%-*}_; ID=${ID#*-} ;; *) KEY=$KEY$ID; break ;; esac
    done
    case $KEY in *[!0-9A-Za-z_]*|"") FOUND= ;; *) eval "FOUND=\${PROCESS_$KEY:-}" ;; esac
}
inode_of() {
    INODE=${INODES#*" $1
"}
    INODE=${INODES%%" $1
"*}
    [ "$INODE" = "$INODES" ] && INODE=0 || INODE=${INODE##*
}
}

# $1 NS/NAME, $2 UID or "-", $3 PID or path, $4 its file. Fails with WHY when it cannot be read.
pod() {
    inode_of "$4"
    if [ "$INODE" = 0 ]; then WHY="its network namespace is gone ($4)"; return 1; fi
    if [ "$2" != - ] && [ "$INODE" = "$HOST_INODE" ]; then WHY=$HOST_NETWORK; return 1; fi
    CHECK=
    [ "$2" = - ] || CHECK="same_pod $2 $3 || exit $ENDED
"
    enter "$3" "$SETUP$CHECK
mark \"ns pod $INODE $2 $1\"
collect pod" 2>/dev/null
    case $? in
        0) return 0 ;;
        $ENDED) WHY="ended while it was being collected" ;;
        *) WHY="its network namespace could not be entered" ;;
    esac
    return 1
}
ENDED=99
HOST_NETWORK="all its processes are in the network namespace of the node"
safe() {
    case $1 in *[!0-9A-Za-z./_-]*|"") note "not a name: $1"; return 1 ;; esac
}

# Every $2-th pod, from the $1-th on.
share() {
    TURN=$1; STEP=$2
    for POD in $PODS; do
        TURN=$(( (TURN + 1) % STEP ))
        [ $TURN = 0 ] || continue
        process_of "${POD#*=}"
        WHY="no process of it was found"
        for PROCESS in $FOUND; do
            pod "${POD%%=*}" "${POD#*=}" "$PROCESS" "/proc/$PROCESS/ns/net" && WHY= && break
        done
        # Folders of logs do not tell which pods use the network of the node.
        [ -z "$LOGS" ] || [ "$WHY" != "$HOST_NETWORK" ] || WHY=
        [ -z "$WHY" ] || note "pod ${POD%%=*}: $WHY"
    done
    for POD in $PATHS; do
        TURN=$(( (TURN + 1) % STEP ))
        [ $TURN = 0 ] || continue
        pod "${POD%%=*}" - "${POD#*=}" "${POD#*=}" || note "pod ${POD%%=*}: $WHY"
    done
}

# Kubelet's log folders, NAMESPACE_POD_UID, as --pod arguments. A pod that has ended leaves its folder
# behind for a while, so one without process is no news.
pods_of_logs() {
    for DIR in "$1"/*_*_*; do
        NAME=${DIR##*/}
        safe "$NAME" || continue
        UID_=${NAME##*_}; NAME=${NAME%_*}
        process_of "$UID_"
        [ -z "$FOUND" ] || PODS="$PODS ${NAME%%_*}/${NAME#*_}=$UID_"
    done
}

options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --pack) shift; continue ;;
            --host) HOST=$2 ;;
            --conntrack-limit) CONNTRACK_LIMIT=$2 ;;
            --pod-logs) LOGS=$2 ;;
            --pod) safe "${2%%=*}" && safe "${2#*=}" && PODS="$PODS $2" ;;
            --netns) safe "${2%%=*}" && PATHS="$PATHS
$2" ;;
            *) echo "agent.sh: unknown argument $1" >&2; exit 2 ;;
        esac
        [ $# -ge 2 ] || { echo "agent.sh: $1 needs a value" >&2; exit 2; }
        shift 2
    done
}

main() (
    printf "skoop-agent 1 %s\n" "$TOKEN"
    HOST=; PODS=; LOGS=; PATHS=; IP=; TC=
    options "$@"
    find_tool ip && IP=$TOOL
    find_tool tc && TC=$TOOL
    [ -n "$IP" ] || { echo "agent.sh: ip (iproute2) is not installed" >&2; exit 3; }
    backends
    FILES=${HOST:-/proc/self/ns/net}
    if [ -n "$PODS$LOGS" ]; then
        find_processes
        [ -z "$LOGS" ] || pods_of_logs "$LOGS"
        for POD in $PODS; do
            process_of "${POD#*=}"
            for PROCESS in $FOUND; do FILES="$FILES
/proc/$PROCESS/ns/net"; done
        done
    fi
    for POD in $PATHS; do FILES="$FILES
${POD#*=}"; done
    INODES=$(inodes $FILES)
    INODES="
$INODES
"
    inode_of "${HOST:-/proc/self/ns/net}"
    HOST_INODE=$INODE
    if [ -z "$HOST" ]; then
        mark "ns host $HOST_INODE"
        collect host
    else
        enter "$HOST" "${SETUP}mark \"ns host $HOST_INODE\"
collect host" || { echo "agent.sh: cannot enter $HOST" >&2; exit 4; }
    fi
    have nsenter || { [ -z "$PODS$PATHS" ] || note "nsenter is not installed: no pod was collected"; mark end; exit 0; }
    # Two at a time where a file can hold what one of them prints meanwhile.
    FOLDER=$(mktemp -d 2>/dev/null) || FOLDER=
    if [ -z "$FOLDER" ]; then
        share 0 1
    else
        trap 'rm -rf "$FOLDER"' EXIT
        share 1 2 >"$FOLDER/pods" &
        share 0 2
        wait $!
        cat "$FOLDER/pods"
    fi
    mark end
) </dev/null

# $1 one word that names a packer and is its function; the rest are the agent's arguments, whose
# status is kept.
packed() {
    WITH=$1; shift
    printf "skoop-pack %s\n" "$WITH"
    { RC=$({ { main "$@" 3>&- 4>&-; printf "%s" $? >&4; } | "as_$WITH" 4>&- >&3; } 4>&1); } 3>&1
    return "${RC:-1}"
}
as_gzip() { gzip -1; }
# The cat makes of stdout a pipe, which can be opened once more.
as_cksum() {
    { tee /proc/self/fd/3 | { SUM=$(cksum); printf "\nskoop-cksum %s\n" "$SUM" >&3; }; } 3>&1 | cat
}
as_plain() { cat; }

TOKEN=$(cat /proc/sys/kernel/random/uuid 2>/dev/null)
[ ${#TOKEN} -ge 32 ] || TOKEN=$(od -An -N16 -tx1 /dev/urandom | tr -d " \n")
[ -n "$TOKEN" ] || { echo "agent.sh: no source of randomness" >&2; exit 5; }
case " $* " in
    *" --pack "*)
        if have gzip; then packed gzip "$@"
        elif have cksum && have tee; then packed cksum "$@"
        else packed plain "$@"; fi ;;
    *) main "$@" ;;
esac
exit
