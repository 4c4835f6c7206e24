# The programs for GPU nodes: built on Debian 12, run as an ordinary user, with the libraries they need and no Python.
#   docker build -t armorm --build-arg COMMIT="$(git describe --always --dirty)" .
#   docker run --gpus all -v /data:/data armorm stage1-prepare --help
# With --build-arg CUDA=off the image contains nothing of CUDA: for CPUs, a sixth of the size.
ARG DEBIAN=debian:12-slim
ARG CUDA_IMAGE=nvidia/cuda:13.0.0-devel-ubuntu22.04
ARG CUDA=on

# Only the compiler comes from this image; its series must be that of LibTorch's wheel.
FROM ${CUDA_IMAGE} AS toolkit-on
WORKDIR /usr/local/cuda-13.0
FROM ${DEBIAN} AS toolkit-off
WORKDIR /usr/local/cuda-13.0
FROM toolkit-${CUDA} AS toolkit

FROM ${DEBIAN} AS build
ARG CUDA
ARG CUDA_ARCHITECTURES=90
ARG COMMIT=
ENV ARMORM_DEPS=/opt/armorm-deps
WORKDIR /src
COPY --from=toolkit /usr/local/cuda-13.0/ /usr/local/cuda/
# Copied before the sources, so that a change of the sources does not reinstall everything.
COPY scripts/setup.sh scripts/setup.sh
COPY scripts/lib/common.sh scripts/lib/common.sh
RUN scripts/setup.sh
COPY . .
RUN PATH=$PATH:/usr/local/cuda/bin cmake --preset release -DARMORM_BUILD_TESTS=OFF -DARMORM_CUDA="${CUDA}" \
      -DCMAKE_CUDA_ARCHITECTURES="${CUDA_ARCHITECTURES}" -DARMORM_COMMIT="${COMMIT}" \
    && cmake --build --preset release \
    && cmake --install build/release --prefix /opt/armorm --strip \
    && cmake --install build/release --prefix /opt/armorm --component distribution_libraries

FROM ${DEBIAN} AS run
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home armorm \
    && install -d -o armorm -g armorm /data
COPY --from=build /opt/armorm /opt/armorm
# These variables select what NVIDIA's container runtime adds: the driver's libraries and nvidia-smi.
ENV PATH=/opt/armorm/bin:/opt/armorm/share/armorm/scripts:$PATH \
    ARMORM_DATA=/data \
    HF_HOME=/data/huggingface \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER armorm
WORKDIR /data
CMD ["stage1-prepare", "--help"]
