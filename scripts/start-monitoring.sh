#!/usr/bin/env bash
# Start, stop and look at the monitoring stack.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<'TEXT'
usage: scripts/start-monitoring.sh [start|stop|restart|status|health|logs [SERVICE]|endpoints]

Starts Prometheus, Alertmanager, the exporters, the forwarder and Grafana: in containers where a Docker
engine answers, else as programs of this machine (then Grafana only where it is installed).
Second starts are harmless; stop ends only what start has started. Everything listens on loopback.

Exit codes: 0 done, 1 something is down, 2 wrong usage, a port in use, or a program missing.

Set in the environment to change it:
  MONITORING_MODE       docker or native; which of both is found out when empty
  MONITORING_DATA       folder of all data and logs (var/monitoring)
  MONITORING_CONFIG     folder of the configuration (monitoring)
  MONITORING_SECRETS    folder of the secrets, made with random values (secrets)
  MONITORING_LISTEN     address that everything listens on (127.0.0.1)
  MONITORING_PYTHON     Python that has promreview (.venv/bin/python)
  MONITORING_STAND_IN   no = your own auth service, policy service and dashboard run already (yes)
  PROMETHEUS_ARGUMENTS  further flags of the native Prometheus, by blanks (--web.config.file=…)
  PROMETHEUS_RETENTION  how long Prometheus keeps metrics (15d)
  PROMETHEUS_PORT 9090, ALERTMANAGER_PORT 9093, GRAFANA_PORT 3001, NODE_EXPORTER_PORT 9100,
  REDIS_PORT 6379, REDIS_EXPORTER_PORT 9121, FORWARDER_PORT 9095,
  AUTH_PORT 8080, POLICY_PORT 8081, DASHBOARD_PORT 3000, EXPORTER_CONTROL_PORT 8099
TEXT
}

say() { echo "monitoring: $*" >&2; }
die() { say "$@"; exit 2; }
absolute() { case $1 in /*) echo "$1" ;; *) echo "$root/$1" ;; esac; }

data=$(absolute "${MONITORING_DATA:-var/monitoring}")
config=$(absolute "${MONITORING_CONFIG:-monitoring}")
secrets=$(absolute "${MONITORING_SECRETS:-secrets}")
listen=${MONITORING_LISTEN:-127.0.0.1}
case $listen in 0.0.0.0 | ::) here=127.0.0.1 ;; *) here=$listen ;; esac # where we reach what listens there
stand_in=${MONITORING_STAND_IN:-yes}
retention=${PROMETHEUS_RETENTION:-15d}
run=$data/run
python=${MONITORING_PYTHON:-$root/.venv/bin/python}
[ -x "$python" ] || python=python3
case $python in /*) ;; */*) python=$PWD/$python ;; esac
LOG_LINES=${LOG_LINES:-200}
LOG_BYTES=${LOG_BYTES:-10000000} # a native service's log beyond this is put aside at its start
PLACEHOLDER=placeholder- # how a secret begins that only its owner can give
HEALTH_SECONDS=${HEALTH_SECONDS:-90} # a cold start on a busy machine takes ten
: "${PROMETHEUS_PORT:=9090}" "${ALERTMANAGER_PORT:=9093}" "${GRAFANA_PORT:=3001}" "${NODE_EXPORTER_PORT:=9100}"
: "${REDIS_PORT:=6379}" "${REDIS_EXPORTER_PORT:=9121}" "${FORWARDER_PORT:=9095}"
: "${AUTH_PORT:=8080}" "${POLICY_PORT:=8081}" "${DASHBOARD_PORT:=3000}" "${EXPORTER_CONTROL_PORT:=8099}"
export PROMETHEUS_PORT ALERTMANAGER_PORT GRAFANA_PORT NODE_EXPORTER_PORT REDIS_PORT REDIS_EXPORTER_PORT
export FORWARDER_PORT AUTH_PORT POLICY_PORT DASHBOARD_PORT EXPORTER_CONTROL_PORT
export MONITORING_LISTEN=$listen MONITORING_DATA=$data MONITORING_CONFIG=$config MONITORING_SECRETS=$secrets
export PROMETHEUS_RETENTION=$retention
MONITORING_UID=$(id -u) MONITORING_GID=$(id -g)
export MONITORING_UID MONITORING_GID
# shellcheck source-path=SCRIPTDIR source=monitoring-native.sh
. "$root/scripts/monitoring-native.sh"
# shellcheck source-path=SCRIPTDIR source=monitoring-docker.sh
. "$root/scripts/monitoring-docker.sh"

find_mode() {
  case ${MONITORING_MODE:-} in
    docker | native) echo "$MONITORING_MODE" ;;
    "") if docker_answers; then echo docker; else echo native; fi ;;
    *) die "MONITORING_MODE is $MONITORING_MODE; it can be docker or native" ;;
  esac
}

make_secrets() { # one random value per file, readable by nobody else; what is there stays
  local name file mark
  (umask 077 && mkdir -p "$secrets")
  for name in grafana_password redis_password forwarder_token $(named_secrets); do
    file=$secrets/${name%.txt}.txt
    if [ ! -s "$file" ]; then
      case $name in grafana_password | redis_password | forwarder_token) mark= ;; *) mark=$PLACEHOLDER ;; esac
      (umask 077 && { printf %s "$mark"; head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; } >"$file.new")
      mv "$file.new" "$file"
    fi
    chmod 600 "$file"
  done
}

named_secrets() { # those that the configuration of Alertmanager names
  sed -n '/^[[:space:]]*#/d; s#.*secrets/\([A-Za-z0-9_.-]*\.txt\).*#\1#p' "$config/alertmanager/alertmanager.yml" | sort -u
}

receivers() { # every integration with a secret of its own: its name, 1 where that is still what we made, and the file
  local name integration
  for name in $(named_secrets); do
    case $name in
      forwarder_token.txt) continue ;;
      smtp_*) integration=email ;;
      *) integration=${name%%[_.]*} ;;
    esac
    if grep -q "^$PLACEHOLDER" "$secrets/$name"; then echo "$integration 1 $name"; else echo "$integration 0 $name"; fi
  done
}

tell_placeholders() { # who is told nothing yet: to whoever starts it, and to Prometheus
  local file=$data/textfiles/monitoring-receivers.prom named integration is name sep
  mkdir -p "$data/textfiles"
  {
    echo '# HELP monitoring_receiver_placeholder Whether the secret of a receiver is still the one made in its place.'
    echo '# TYPE monitoring_receiver_placeholder gauge'
    receivers | sort -k 1,1 -k 2,2r | sort -u -s -k 1,1 |
      sed 's/\([^ ]*\) \(.\) .*/monitoring_receiver_placeholder{integration="\1"} \2/'
  } >"$file.new"
  mv "$file.new" "$file"
  named=$(receivers | while read -r integration is name; do
    [ "$is" = 0 ] || printf '%s%s (%s)' "${sep:-}" "$integration" "${secrets#"$root/"}/$name"
    [ "$is" = 0 ] || sep=', '
  done)
  [ -z "$named" ] || say "nobody is told by $named: these are placeholders; write the real secrets there, then start again"
  [ -n "${HEARTBEAT_URL:-}" ] || [ -s "$secrets/heartbeat_url.txt" ] ||
    say "nobody notices when the monitoring itself dies: give it a heartbeat service (docs/runbooks/Watchdog.md)"
}

fetch() { # the body that a URL answers with; fails where it answers with an error, or not at all
  if command -v curl >/dev/null; then
    curl -fsS --max-time 10 "$1" 2>&1
  else
    python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())' "$1" 2>&1
  fi
}

checks() { # SERVICE and the URL that says whether it is well
  echo "prometheus http://$here:$PROMETHEUS_PORT/-/ready"
  echo "alertmanager http://$here:$ALERTMANAGER_PORT/-/ready"
  echo "forwarder http://$here:$FORWARDER_PORT/health"
  echo "node-exporter http://$here:$NODE_EXPORTER_PORT/metrics"
  echo "redis-exporter http://$here:$REDIS_EXPORTER_PORT/metrics"
  echo "auth-service http://$here:$AUTH_PORT/metrics"
  echo "policy-service http://$here:$POLICY_PORT/metrics"
  echo "dashboard http://$here:$DASHBOARD_PORT/metrics"
  if [ "$mode" = docker ] || program grafana-server grafana >/dev/null; then
    echo "grafana http://$here:$GRAFANA_PORT/api/health"
  fi
}

health() { # one line per service; fails where any is down
  local service url said down=0
  while read -r service url; do
    if said=$(fetch "$url"); then
      printf '%-16s ok\n' "$service"
    else
      printf '%-16s DOWN: %s: %s\n' "$service" "$url" "$(tail -n 1 <<<"$said")"
      down=1
    fi
  done < <(checks)
  case $(fetch "http://$here:$REDIS_EXPORTER_PORT/metrics" | sed -n 's/^redis_up //p') in
    1) printf '%-16s ok\n' redis ;;
    0) printf '%-16s DOWN: its exporter does not reach it on port %s\n' redis "$REDIS_PORT" && down=1 ;;
    *) printf '%-16s unknown: its exporter does not answer\n' redis ;; # which is counted above
  esac
  targets || down=1
  return "$down"
}

targets() { # the targets that Prometheus could not scrape; those it has not tried yet do not count
  local body
  body=$(fetch "http://$here:$PROMETHEUS_PORT/api/v1/targets?state=active") || return 0 # said already
  python3 -c '
import json, sys
down = [t for t in json.load(sys.stdin)["data"]["activeTargets"] if t["health"] == "down"]
for t in down:
    print("%-16s DOWN: Prometheus cannot scrape %s: %s" % (t["labels"]["job"], t["scrapeUrl"], t["lastError"]))
sys.exit(bool(down))' <<<"$body"
}

wait_for_health() {
  local until=$((SECONDS + HEALTH_SECONDS)) said
  while ! said=$(health); do
    if [ "$mode" = native ] && said=$(native_ended) && [ -n "$said" ]; then
      echo "$said" >&2
      return 1
    fi
    if [ "$SECONDS" -ge "$until" ]; then
      grep DOWN <<<"$said" >&2
      say "not everything came up in $HEALTH_SECONDS s; see scripts/start-monitoring.sh logs"
      return 1
    fi
    sleep 1
  done
  say "everything is up"
}

endpoints() {
  local at=localhost
  [ "$here" = 127.0.0.1 ] || at=$here
  printf '%-14s %-30s %s\n' Service URL Credentials
  printf '%-14s %-30s %s\n' Grafana "http://$at:$GRAFANA_PORT" "admin / (see ${secrets#"$root/"}/grafana_password.txt)"
  printf '%-14s %-30s %s\n' Prometheus "http://$at:$PROMETHEUS_PORT" "No auth"
  printf '%-14s %-30s %s\n' Alertmanager "http://$at:$ALERTMANAGER_PORT" "No auth"
  if [ "$mode" = native ] && ! program grafana-server grafana >/dev/null; then
    say "Grafana is not installed here, so nothing answers on its port"
  fi
}

start() {
  make_secrets
  mkdir -p "$data"
  tell_placeholders
  if [ "$mode" = docker ]; then docker_start; else native_start; fi
  endpoints
}

stop() { if [ "$mode" = docker ]; then docker_stop; else native_stop; fi; }

[ $# -le 2 ] || { usage >&2; exit 2; }
asked=${1:-start}
case $asked in
  help | -h | --help) usage; exit 0 ;;
esac
mode=$(find_mode)
case $asked in
  start) start ;;
  stop) stop ;;
  restart) stop && start ;;
  status) if [ "$mode" = docker ]; then docker_status; else native_status; fi ;;
  health) health ;;
  logs) if [ "$mode" = docker ]; then docker_logs "${2:-}"; else native_logs "${2:-}"; fi ;;
  endpoints) endpoints ;;
  *) say "there is no command $asked"; usage >&2; exit 2 ;;
esac
