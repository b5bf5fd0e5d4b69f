# The web process, and the worker and scheduler behind its queue: ONNX Runtime, no torch.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY backend backend
COPY export export
COPY squeezesam_core squeezesam_core
COPY training training
COPY weights weights
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --constraint constraints.txt '.[queue]'

FROM python:3.11-slim-bookworm
COPY --from=build /venv /venv
RUN useradd --uid 10001 --create-home squeezesam
USER 10001
ENV PATH=/venv/bin:$PATH OMP_NUM_THREADS=1 SQUEEZESAM_HOST=0.0.0.0
EXPOSE 9090
CMD ["squeezesam", "serve"]
