# shellcheck shell=bash
# The stack in containers; sourced by start-monitoring.sh, which sets every variable used here.
# shellcheck disable=SC2154

docker_answers() { command -v docker >/dev/null && docker info --format '{{.ServerVersion}}' >/dev/null 2>&1; }

compose() { # with the plugin, or with the older program
  local command=(docker compose)
  docker compose version >/dev/null 2>&1 || command=(docker-compose)
  local profiles=()
  [ "$stand_in" = no ] || profiles=(--profile stand-in)
  "${command[@]}" -f "$root/docker-compose.production.yml" "${profiles[@]}" "$@"
}

docker_start() {
  docker_answers || die "no Docker engine answers; start it, or set MONITORING_MODE=native"
  mkdir -p "$data"/{prometheus,alertmanager,grafana,forwarder,textfiles} # ours, so that the containers may write there
  compose up --detach --remove-orphans
  wait_for_health
}

docker_stop() { compose down; }

docker_status() { compose ps; }

docker_logs() { compose logs --tail "$LOG_LINES" ${1:+"$1"}; }
