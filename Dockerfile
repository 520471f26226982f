# SPDX-License-Identifier: MIT
# The daemon alone on Debian slim: no compiler, no shell scripts, no root.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
    gcc make pkg-config libc6-dev libmicrohttpd-dev libcurl4-openssl-dev libcjson-dev \
    libsqlite3-dev nettle-dev libxxhash-dev libgmp-dev libunistring-dev libpsl-dev \
    libexpat1-dev libpcre2-dev zlib1g-dev libzstd-dev libxml2-dev liblua5.4-dev python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make -j"$(nproc)" all && strip build/jobmill

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
    libmicrohttpd12 libcurl4 libcjson1 libsqlite3-0 libnettle8 libxxhash0 libgmp10 \
    libunistring2 libpsl5 publicsuffix libexpat1 libpcre2-8-0 zlib1g libzstd1 libxml2 liblua5.4-0 libopenblas0-pthread \
    ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 10001 -g 10001 -m 700 /data
COPY --from=build /src/build/jobmill /usr/local/bin/jobmill
USER 10001:10001
VOLUME /data
EXPOSE 8080
ENV JOBMILL_LISTEN=0.0.0.0:8080 JOBMILL_DATA=/data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["jobmill", "health"]
ENTRYPOINT ["jobmill"]
CMD ["serve"]
