# One image for the server, the worker, beat and migrations. The base images can be replaced where a hospital mirrors or vets its own.
ARG NODE_IMAGE=node:24-slim
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${NODE_IMAGE} AS web
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build

FROM ${PYTHON_IMAGE} AS packages
COPY requirements/app.txt /tmp/app.txt
RUN python3 -m venv /opt/wardline && /opt/wardline/bin/pip install --no-cache-dir --require-hashes -r /tmp/app.txt

FROM ${PYTHON_IMAGE}
RUN useradd --system --no-create-home --uid 10001 wardline && install -d -o wardline /var/lib/wardline
COPY --from=packages /opt/wardline /opt/wardline
WORKDIR /app
COPY manage.py ./
COPY client/wardline_client client/wardline_client
COPY client/wardline_verify client/wardline_verify
COPY client/wardline_witness client/wardline_witness
COPY audit audit
COPY backend backend
COPY beds beds
COPY identity identity
COPY integration integration
COPY messaging messaging
COPY --from=web /web/dist web/dist
ENV PATH=/opt/wardline/bin:$PATH \
    PYTHONPATH=/app:/app/client \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=backend.settings \
    WARDLINE_MODE=production \
    WARDLINE_STATE=/var/lib/wardline \
    HOST=0.0.0.0 \
    PORT=8000
USER wardline
VOLUME /var/lib/wardline
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-m", "backend.probe", "healthz"]
CMD ["python", "-m", "backend.serve"]
