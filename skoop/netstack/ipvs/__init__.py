"""IP Virtual Server: the kernel's load balancer, which kube-proxy uses in ipvs mode."""
