# docker build -t face-privacy-workbench .                                     for any processor
# docker build -t face-privacy-workbench:cuda --build-arg DEVICE=cuda .        for NVIDIA GPUs
ARG DEVICE=cpu

FROM python:3.11-slim AS cpu
# The build of torch without CUDA; the registry's own brings several gigabytes of it.
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu EXTRAS=

FROM python:3.11-slim AS cuda
ENV EXTRAS=cuda NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video

FROM ${DEVICE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends make libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/workbench
COPY Makefile pyproject.toml constraints.txt README.md LICENSE ./
COPY workbench workbench
COPY models models
COPY sample_videos sample_videos
RUN PIP_NO_CACHE_DIR=1 make setup
ENV PATH=/opt/workbench/.venv/bin:$PATH WORKBENCH_WORKSPACE=/data XDG_CACHE_HOME=/tmp/cache
# An image that cannot mask a clip is not built; and what the programs load is compiled once, here.
RUN workbench process sample_videos/consultation.mp4 -o /tmp/masked.mp4 --end 1 --set detector.device=cpu \
    && python -c "import gradio, torch" \
    && rm -r /tmp/*
RUN useradd --uid 1000 workbench && install -d -m 0700 -o workbench /data
USER workbench
VOLUME /data
EXPOSE 7860
ENTRYPOINT ["workbench"]
CMD ["app", "--host", "0.0.0.0"]
