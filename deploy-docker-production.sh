#!/usr/bin/env bash
# The production deployment in containers, monitoring included.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The platform's own services come with their own compose file, where this machine has one.
platform=${PLATFORM_COMPOSE_FILE:-}
if [ -n "$platform" ]; then
  [ -r "$platform" ] || { echo "deploy: cannot read PLATFORM_COMPOSE_FILE, $platform" >&2; exit 2; }
  docker compose -f "$platform" up --detach
  export MONITORING_STAND_IN=no
fi
MONITORING_MODE=docker exec scripts/start-monitoring.sh "${1:-start}"
