#!/bin/bash
# A node: its own mount, process, host name and cgroup namespaces, with containerd and a kubelet.
#   node.sh outside NAME ADDRESS STATE BIN CNI DNS     joins the node's cgroups and namespaces
#   node.sh inside  ...                                is process 1 in them
set -u
stage=$1 name=$2 address=$3 state=$4 bin=$5 cni=$6 dns=$7
node=$state/$name
controllers="cpu cpuacct cpuset memory devices freezer blkio pids"

if [ "$stage" = outside ]; then
    mkdir -p "$node"
    for each in $controllers systemd unified; do
        mkdir -p "/sys/fs/cgroup/$each/skoop-e2e/$name"
    done
    for file in cpuset.cpus cpuset.mems; do
        for folder in skoop-e2e "skoop-e2e/$name"; do
            cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$folder/$file"
        done
    done
    for each in $controllers systemd unified; do
        echo $$ >"/sys/fs/cgroup/$each/skoop-e2e/$name/cgroup.procs"
    done
    shift
    exec nsenter --net="/run/netns/skoop-e2e-$name" \
        unshare --mount --uts --ipc --pid --fork --kill-child --cgroup --mount-proc \
        --propagation private "$0" inside "$@"
fi

hostname "$name"
umount -l /sys/fs/cgroup /sys 2>/dev/null
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
for each in $controllers; do
    mkdir "/sys/fs/cgroup/$each"
    mount -t cgroup -o "$each" cgroup "/sys/fs/cgroup/$each"
done
mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified

# What a kubelet would set for the whole machine goes into files of the node's own.
mkdir -p "$node/sysctl"
while read -r key value; do
    file=$node/sysctl/${key//\//_}
    echo "$value" >"$file"
    mount --bind "$file" "/proc/sys/$key"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END

# The names of network namespaces stay visible: faults and tests enter them from inside, too.
for folder in /run /var/lib /var/log; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /run/netns /run/lock /run/containerd /var/lib/kubelet /var/lib/cni/net.d
mount --make-rshared /var/lib
mount --make-rshared /run

cat >"$node/containerd.toml" <<END
version = 2
root = "$node/containerd"
state = "/run/containerd-state"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "skoop.test/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$cni"
    conf_dir = "/var/lib/cni/net.d"
[plugins."io.containerd.internal.v1.opt"]
  path = "$node/opt"
END
cat >"$node/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: false}
  x509: {clientCAFile: $state/pki/ca.crt}
authorization: {mode: AlwaysAllow}
clusterDNS: ["$dns"]
clusterDomain: cluster.local
resolvConf: ""
enforceNodeAllocatable: []
evictionHard: {imagefs.available: "1%", nodefs.available: "1%", memory.available: 50Mi}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
nodeStatusUpdateFrequency: 2s
nodeLeaseDurationSeconds: 12
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
END

containerd --config "$node/containerd.toml" >"$node/containerd.log" 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done
for image in "$state"/images/*.tar; do ctr --namespace k8s.io image import "$image"; done

# Restarted as an init system would, unless the tests ask for a stop.
while :; do
    "$bin/kubelet" --config="$node/kubelet.yaml" --kubeconfig="$state/$name.kubeconfig" \
        --hostname-override="$name" --node-ip="$address" --root-dir=/var/lib/kubelet \
        >>"$node/kubelet.log" 2>&1 &
    echo $! >"$node/kubelet.pid"
    wait $!
    while [ -e "$node/kubelet.stopped" ]; do sleep 0.2; done
done
