# One image for server, runner and gateway: `docker run assay serve | work | gateway | up`.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock requirements-server.lock ./
RUN python -m venv /opt/assay
# What the service needs and what builds its package; every file is checked by its hash.
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements.lock > build.lock
RUN /opt/assay/bin/pip install --no-cache-dir --require-hashes -r requirements-server.lock -r build.lock
COPY LICENSE README.md pyproject.toml ./
COPY server server
COPY client client
RUN /opt/assay/bin/pip install --no-cache-dir --no-deps --no-build-isolation ./client .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home assay \
 && install --directory --owner assay --group assay /var/lib/assay
COPY --from=build /opt/assay /opt/assay
ENV PATH=/opt/assay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ASSAY_DATA_DIR=/var/lib/assay \
    ASSAY_GRPC_HOST=0.0.0.0 \
    ASSAY_HTTP_HOST=0.0.0.0 \
    ASSAY_LOG_FORMAT=json
USER assay
WORKDIR /var/lib/assay
VOLUME /var/lib/assay
EXPOSE 8080 8081 50051
STOPSIGNAL SIGTERM
ENTRYPOINT ["assay"]
CMD ["up"]
