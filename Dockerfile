# One image for the brokers, the bridge and the simulator: the Mosquitto in it is the one that the tests run on.
# Python packages are those of the lock files, checked by digest (docs/supply-chain.md says what is pinned how).
FROM python:3.11.11-slim-bookworm AS build
WORKDIR /src
COPY requirements-build.lock ./
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary=:all: -r requirements-build.lock
COPY pyproject.toml README.md LICENSE CHANGELOG.md mosquitto.conf mosquitto-bootstrap.conf ./
COPY bridge bridge
COPY device_sim device_sim
RUN pip wheel --no-cache-dir --no-index --no-build-isolation --no-deps --wheel-dir /wheels .

FROM python:3.11.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends "mosquitto=2.0.11*" "mosquitto-clients=2.0.11*" \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /wheels/
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary=:all: -r /wheels/requirements.lock
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --no-deps /wheels/*.whl && pip check && rm -rf /wheels
# One ordinary user for all; what each service may see is decided by the volumes it is given.
RUN useradd --system --uid 10001 --home-dir /data bootstrap \
    && mkdir -p /data/bridge /data/operations-broker /data/bootstrap-broker /public /state \
    && chown -R bootstrap:bootstrap /data /public /state
USER bootstrap
WORKDIR /data
CMD ["bootstrap-bridge", "--help"]
