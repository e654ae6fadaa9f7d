# PostgreSQL's official image (Debian) with vectorq: docker build -t vectorq . ; other servers: --build-arg PG_MAJOR=17
# Then CREATE EXTENSION vectorq in a database. Cumulative statistics want the server to load vectorq at its start:
# docker run -e POSTGRES_PASSWORD=... vectorq -c shared_preload_libraries=vectorq
ARG PG_MAJOR=15
FROM postgres:${PG_MAJOR}-bookworm
ARG PG_MAJOR
COPY . /tmp/vectorq
RUN set -eux; \
    apt-get update; \
    apt-mark hold locales; \
    apt-get install -y --no-install-recommends g++ make postgresql-server-dev-${PG_MAJOR} libhwy-dev libeigen3-dev libhwy1 libgomp1; \
    apt-mark manual libhwy1 libgomp1; \
    cd /tmp/vectorq; \
    make VQ_BOOTSTRAPPED=yes PG_CONFIG=/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config; \
    make VQ_BOOTSTRAPPED=yes PG_CONFIG=/usr/lib/postgresql/${PG_MAJOR}/bin/pg_config install; \
    cd /; rm -rf /tmp/vectorq; \
    apt-get purge -y --auto-remove g++ make postgresql-server-dev-${PG_MAJOR} libhwy-dev libeigen3-dev; \
    apt-mark unhold locales; \
    rm -rf /var/lib/apt/lists/*
