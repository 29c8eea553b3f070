# syntax=docker/dockerfile:1

# Bookworm's glibc (2.34 or later, which resolves names without loading modules) is linked into the binary: the image
# needs no libraries.
FROM rust:1.95-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
ARG REVISION
# With a target named, crt-static is for the binary alone and not for procedural macros; the host's own works on
# x86_64 and aarch64 alike.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target,id=container-security-exporter-target \
    target="$(rustc -vV | sed -n 's/^host: //p')" \
 && CSE_REVISION="${REVISION:-}" RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target "$target" \
 && install -D "target/$target/release/container-security-exporter" /out/container-security-exporter

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="container-security-exporter" \
      org.opencontainers.image.description="Prometheus exporter for Qualys Container Security and Prisma Cloud Compute" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/container-security-exporter /usr/bin/container-security-exporter
USER 65534:65534
EXPOSE 9877
ENTRYPOINT ["/usr/bin/container-security-exporter"]
# Loopback, the default, is out of reach from outside of a container.
CMD ["serve", "--config.file=/etc/container-security-exporter/config.toml", "--web.listen-address=:9877"]
