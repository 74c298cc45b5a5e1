# What scripts run in, in a cluster: bash, Python and curl; the runner comes by ConfigMap. Name it in a target's
# reach.image. Add the tools that your scripts use.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends bash ca-certificates curl python3 \
    && rm -rf /var/lib/apt/lists/*
USER 65532:65532
