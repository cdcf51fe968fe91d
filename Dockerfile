# Two images of one file:
#
#   docker build --target collector -t skoop-collector:0.1.0 .    what runs on nodes: no Python
#   docker build --target skoop -t skoop:0.1.0 .                  the command itself
#
# `skoop collector install --collector-image REGISTRY/skoop-collector:0.1.0` puts the first on every
# node. The agent's script is in neither: it comes with each command.

FROM debian:13-slim AS collector
# What agent.sh runs; sh, gzip, cksum, grep and nsenter come with Debian's essential packages.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        conntrack \
        iproute2 \
        ipset \
        iptables \
        nftables \
        util-linux \
        wget \
        wireguard-tools \
    && rm -rf /var/lib/apt/lists/*
CMD ["sh", "-c", "while :; do sleep 3600; done"]

FROM python:3.13-slim AS build
COPY pyproject.toml README.md LICENSE /source/
COPY skoop /source/skoop
RUN python -m venv /opt/skoop && /opt/skoop/bin/pip install --no-cache-dir "/source[zstd]"

FROM python:3.13-slim AS skoop
COPY --from=build /opt/skoop /opt/skoop
ENV PATH=/opt/skoop/bin:$PATH
USER 65532:65532
ENTRYPOINT ["skoop"]
