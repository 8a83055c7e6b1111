# A node in a container: no root, no capability, nothing writable but its volume and /tmp.
#
#   docker build -t watchfire .
#   docker run --rm --read-only --tmpfs /tmp --cap-drop ALL -p 127.0.0.1:8000:8000 -v watchfire:/var/lib/watchfire watchfire
#
# The entry point is the program, so that `docker run ... watchfire doctor` works like `watchfire doctor` elsewhere.
# To pin the base by digest: --build-arg PYTHON=python@sha256:...

ARG PYTHON=python:3.12-slim-bookworm

# Build: the locked dependencies first, because they change least, then the program, both compiled.
FROM ${PYTHON} AS build
ENV UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1
WORKDIR /opt/watchfire
COPY tools tools
COPY pyproject.toml uv.lock ./
RUN tools/uv sync --frozen --no-install-project
COPY . .
RUN tools/uv sync --frozen && python -m compileall -q app && rm -rf .tools .cache

# Run: the same folder on the same base, without uv.
FROM ${PYTHON}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin watchfire \
    && install -d -o watchfire -g watchfire -m 0700 /var/lib/watchfire
COPY --from=build /opt/watchfire /opt/watchfire
WORKDIR /opt/watchfire
ENV PATH=/opt/watchfire/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
VOLUME /var/lib/watchfire
EXPOSE 8000
# No proxy of the environment may stand between a node and itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-c", \
    "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve", "--data", "/var/lib/watchfire", "--host", "0.0.0.0", "--port", "8000"]
