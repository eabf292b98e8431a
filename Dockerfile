# The package in an image: npm run package first, then
#   docker build --build-arg DEB=build/cellgate_…_arm64.deb -t cellgate .
#   docker run -v cellgate:/var/lib/cellgate -v ./config.yaml:/etc/cellgate/config.yaml:ro -p 8883:8883 \
#     --device /dev/gpiochip0 --device /dev/i2c-1 --group-add $(getent group gpio | cut -d: -f3) \
#     --group-add $(getent group i2c | cut -d: -f3) cellgate
FROM debian:bookworm-slim
ARG DEB
COPY ${DEB} /tmp/cellgate.deb
RUN apt-get update \
 && apt-get install -y --no-install-recommends systemd-standalone-sysusers systemd-standalone-tmpfiles /tmp/cellgate.deb \
 && rm -rf /tmp/cellgate.deb /var/lib/apt/lists/*
USER cellgate
VOLUME /var/lib/cellgate
# 3: no gateway runs; 1: it runs and has troubles, which a restart does not correct.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD cellgate status > /dev/null; [ $? -le 1 ]
STOPSIGNAL SIGTERM
ENTRYPOINT ["cellgate"]
CMD ["run"]
