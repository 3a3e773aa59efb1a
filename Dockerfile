# Dependencies are built from the manifests alone, so that a change of the sources does not build them again.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it && echo 'fn main() {}' > src/main.rs && touch src/lib.rs && echo 'fn main() {}' > tests/it/main.rs \
 && cargo build --release --locked && rm -r src tests
COPY migrations migrations
COPY src src
# The sources are older than the build above; cargo goes by their times.
RUN touch src/main.rs src/lib.rs && cargo build --release --locked && strip target/release/handover

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home handover && install -d -o handover -m 700 /data
COPY --from=build /src/target/release/handover /usr/local/bin/handover
USER handover
VOLUME /data
# Not a loopback address, so operation sign-up starts closed: `handover users add NAME EMAIL --operation`.
ENV HANDOVER_DATA=/data HANDOVER_BIND=0.0.0.0:5000
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["handover", "doctor", "--live"]
CMD ["handover"]
