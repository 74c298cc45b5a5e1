#!/bin/sh
# Starts the image's service; passwords come from a file that only its user can read, not from the container's
# configuration, which whoever may inspect containers can read too.
set -eu
if [ -f /run/suture/environment ]; then
  set -a
  # shellcheck source=/dev/null
  . /run/suture/environment
  set +a
fi
exec python -m "suture_${SERVICE}"
