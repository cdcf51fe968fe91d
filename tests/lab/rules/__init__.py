"""The iptables rules that kube-proxy 1.36, flannel and the portmap plugin write, as text for
iptables-restore. The shapes were taken from a recorded cluster."""
