# The web process, and the worker and scheduler behind its queue: ONNX Runtime, no torch. With the extras train and export
# the worker that fine-tunes; with s3 the versions may be in a bucket.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY backend backend
COPY export export
COPY squeezesam_core squeezesam_core
COPY training training
COPY weights weights
ARG EXTRAS=queue
ARG TORCH_INDEX=
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --constraint constraints.txt \
    ${TORCH_INDEX:+--extra-index-url $TORCH_INDEX} ".[$EXTRAS]"

FROM python:3.11-slim-bookworm
COPY --from=build /venv /venv
RUN useradd --uid 10001 --create-home squeezesam && mkdir /versions && chown squeezesam /versions
USER 10001
ENV PATH=/venv/bin:$PATH OMP_NUM_THREADS=1 SQUEEZESAM_HOST=0.0.0.0 XDG_CACHE_HOME=/tmp/cache
EXPOSE 9090
CMD ["squeezesam", "serve"]
