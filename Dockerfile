# Dependencies are built from the manifests alone, so that a change of the sources does not build them again.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY .cargo .cargo
COPY crates crates
COPY Cargo.toml Cargo.lock ./
# The image has no tests and benchmarks; cargo would miss their files.
RUN sed -Ei '/^\[\[(test|bench)\]\]/,/^$/d' Cargo.toml \
 && mkdir src && echo 'fn main() {}' > src/main.rs && touch src/lib.rs \
 && cargo build --profile dist --locked && rm -r src
COPY migrations migrations
COPY src src
# The sources are older than the build above; cargo goes by their times.
RUN touch src/main.rs src/lib.rs && cargo build --profile dist --locked
RUN install -D target/dist/handover /image/usr/local/bin/handover \
 && ldd target/dist/handover | grep -o '/[^ ]*' | xargs cp --dereference --parents --target-directory /image \
 && install -d -o 10001 -g 10001 -m 700 /image/data

# The binary and the C libraries that it is linked with: no shell, no package manager, nothing to keep up to date.
FROM scratch
COPY --from=build /image /
USER 10001:10001
WORKDIR /data
VOLUME /data
# Not a loopback address, so sign-up of every kind starts closed: `handover users add NAME EMAIL`, with `--operation` for who
# uploads. HANDOVER_PUBLIC_URL names the address under which people reach it.
ENV PATH=/usr/local/bin HANDOVER_DATA=/data HANDOVER_BIND=0.0.0.0:5000
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["handover", "doctor", "--live"]
ENTRYPOINT ["handover"]
CMD ["serve"]
