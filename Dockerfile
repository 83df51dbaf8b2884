# An image with nothing but certsweep and certsweep-queue: no shell, no libraries, no root certificates
# (certsweep has Mozilla's built in). It is made of what .ci/release leaves in dist/:
#
#   .ci/release 1.2.3
#   docker build -t certsweep .
#   docker run --rm -i certsweep --format jsonl - <targets.txt
FROM scratch
ARG TARGETARCH=amd64
ADD dist/image/${TARGETARCH}.tar /
ENV PATH=/usr/bin
USER 65534:65534
ENTRYPOINT ["/usr/bin/certsweep"]
