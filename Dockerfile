# quotad as an image, compiled: no compiler, no pip, no root, nothing written outside /data and /tmp.
#
# BASE is any image with python3 (3.11 or newer) and its venv module; both stages use the same one, so it
# can come from anywhere (docs/operations.md builds it from a Debian mirror, without a hub).
# COMPILED=0 builds it pure, without a compiler (docs/decisions/0004-compiled.md).
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG COMPILED=1
WORKDIR /src
# The compiler, and the headers of a Python that is Debian's own: only in this stage.
RUN [ "$COMPILED" != 1 ] || { command -v gcc && python3 -c \
        'import os, sysconfig as s; open(os.path.join(s.get_path("include"), "Python.h"))'; } \
    || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        gcc libc6-dev $(test "$(command -v python3)" != /usr/bin/python3 || echo python3-dev); }
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY lua lua
COPY quotad quotad
# A pip.conf for another index or CA may be given as the build secret "pip"; it stays out of the image.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf,required=false \
    python3 -m venv /opt/quotad \
    && HATCH_BUILD_HOOK_ENABLE_CUSTOM=$COMPILED \
        /opt/quotad/bin/pip install --no-cache-dir --disable-pip-version-check '.[embedded,dns]' \
    && /opt/quotad/bin/pip uninstall --yes --quiet pip \
    && /opt/quotad/bin/python -m compileall -q /opt/quotad/lib \
    && install -d -m 0700 -o 10001 -g 10001 /out/data

FROM ${BASE}
COPY --from=build /opt/quotad /opt/quotad
# For an embedded store (store.embedded.dir: /data); not used with store.url.
COPY --from=build --chown=10001:10001 /out/ /
ENV PATH=/opt/quotad/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    QUOTAD_TELEMETRY_PORT=9090
# A number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001
WORKDIR /data
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# The telemetry port of the mounted configuration; set QUOTAD_TELEMETRY_PORT where it is another.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["/opt/quotad/bin/python", "-I", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['QUOTAD_TELEMETRY_PORT']), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["quotad"]
CMD ["serve", "-c", "/etc/quotad/quotad.yaml"]
