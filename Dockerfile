# The image of the reference application: docker compose up --build
# On Linux, pip's torch brings CUDA along, 5 GB. For the CPU alone name an index of CPU wheels:
# docker compose build --build-arg PIP_EXTRA_INDEX_URL=...
FROM python:3.12-slim AS build
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_EXTRA_INDEX_URL=${PIP_EXTRA_INDEX_URL} \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY aimass_stream aimass_stream
COPY agents agents
COPY models models
COPY topics topics
RUN /opt/venv/bin/pip install --constraint constraints.txt .

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin aimass \
    && mkdir /state && chown aimass:aimass /state
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY agents agents
COPY models models
COPY topics topics
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    AIMASS_STATE=/state
USER aimass
VOLUME /state
CMD ["aimass", "worker"]
