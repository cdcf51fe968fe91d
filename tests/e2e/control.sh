#!/bin/bash
# The control plane, as process 1 of its own process namespace: control.sh BIN STATE ADDRESS POD_CIDR SERVICE_CIDR
set -u
bin=$1 state=$2 address=$3 pods=$4 services=$5
pki=$state/pki admin=$state/admin.kubeconfig logs=$state/control
mkdir -p "$logs"

"$bin/etcd" --data-dir "$logs/etcd" --unsafe-no-fsync --log-level error \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    >"$logs/etcd.log" 2>&1 &

"$bin/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 \
    --advertise-address="$address" --service-cluster-ip-range="$services" \
    --tls-cert-file="$pki/server.crt" --tls-private-key-file="$pki/server.key" \
    --client-ca-file="$pki/ca.crt" --authorization-mode=Node,RBAC --allow-privileged=true \
    --enable-admission-plugins=NodeRestriction \
    --kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" \
    --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$pki/accounts.pub" \
    --service-account-signing-key-file="$pki/accounts.key" \
    >"$logs/kube-apiserver.log" 2>&1 &
server=$!

until "$bin/kubectl" --kubeconfig "$admin" get --raw /readyz >/dev/null 2>&1; do
    kill -0 $server 2>/dev/null || {
        tail -n 5 "$logs/etcd.log" "$logs/kube-apiserver.log"
        exit 1
    }
    sleep 0.2
done

# Nodes that stop reporting are noticed within half a minute.
"$bin/kube-controller-manager" --kubeconfig="$admin" --leader-elect=false \
    --allocate-node-cidrs=true --cluster-cidr="$pods" --service-cluster-ip-range="$services" \
    --node-monitor-grace-period=16s --node-monitor-period=1s \
    --service-account-private-key-file="$pki/accounts.key" --root-ca-file="$pki/ca.crt" \
    --use-service-account-credentials=true \
    >"$logs/kube-controller-manager.log" 2>&1 &
"$bin/kube-scheduler" --kubeconfig="$admin" --leader-elect=false \
    >"$logs/kube-scheduler.log" 2>&1 &
wait
