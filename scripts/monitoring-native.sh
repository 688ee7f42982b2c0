# shellcheck shell=bash
# The stack as programs of this machine on loopback; sourced by start-monitoring.sh, which sets every variable used here.
# shellcheck disable=SC2154
#
# Each service leaves two files in $run: NAME.pid (number of its process, and when that began, so that a number which
# the system has given to another process is never stopped) and NAME.log.

native_services() { # in the order of their start
  echo redis redis-exporter node-exporter
  [ "$stand_in" = no ] || echo stand-in
  echo forwarder alertmanager prometheus
  ! program grafana-server grafana >/dev/null || echo grafana
}

native_ports() { # every port that a service listens on, with its variable
  case $1 in
    redis) echo "$REDIS_PORT REDIS_PORT" ;;
    redis-exporter) echo "$REDIS_EXPORTER_PORT REDIS_EXPORTER_PORT" ;;
    node-exporter) echo "$NODE_EXPORTER_PORT NODE_EXPORTER_PORT" ;;
    stand-in)
      echo "$AUTH_PORT AUTH_PORT"
      echo "$POLICY_PORT POLICY_PORT"
      echo "$DASHBOARD_PORT DASHBOARD_PORT"
      echo "$EXPORTER_CONTROL_PORT EXPORTER_CONTROL_PORT" ;;
    forwarder) echo "$FORWARDER_PORT FORWARDER_PORT" ;;
    alertmanager) echo "$ALERTMANAGER_PORT ALERTMANAGER_PORT" ;;
    prometheus) echo "$PROMETHEUS_PORT PROMETHEUS_PORT" ;;
    grafana) echo "$GRAFANA_PORT GRAFANA_PORT" ;;
  esac
}

program() { # path of the first of these names that is here
  local name
  for name in "$@"; do command -v "$name" && return 0; done
  return 1
}

native_programs() { # its names at Debian and upstream
  case $1 in
    redis) echo redis-server ;;
    redis-exporter) echo prometheus-redis-exporter redis_exporter ;;
    node-exporter) echo prometheus-node-exporter node_exporter ;;
    alertmanager) echo prometheus-alertmanager alertmanager ;;
    prometheus) echo "${PROMREVIEW_PROMETHEUS:-prometheus}" ;;
    grafana) echo grafana-server grafana ;;
  esac
}

program_of() { # path of a service's program
  local names
  case $1 in stand-in | forwarder) echo "$python" && return ;; esac
  read -r -a names <<<"$(native_programs "$1")"
  program "${names[@]}"
}

check_programs() { # every program is here, or the end, before anything is started
  local service debian missing=0
  for service in $(native_services); do
    program_of "$service" >/dev/null && continue
    read -r debian _ <<<"$(native_programs "$service")"
    say "$debian for $service is not installed; run: sudo apt-get install $debian (or: make test, which installs it)"
    missing=1
  done
  if ! (cd / && "$python" -c 'import analysis' 2>/dev/null); then
    say "$python does not have promreview; run: make setup, or set MONITORING_PYTHON"
    missing=1
  fi
  [ "$missing" = 0 ] || exit 2
}

began() { # when the process of this number began, as its system writes it; nothing where there is none
  if [ -r "/proc/$1/stat" ]; then
    local stat
    stat=$(<"/proc/$1/stat") 2>/dev/null || return 0
    read -r -a stat <<<"${stat##*) }" # what follows the name of the program, which may hold anything
    [ "${stat[0]}" = Z ] || echo "${stat[19]}"
  elif [ ! -d /proc/self ]; then
    ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' '-' || true
  fi
}

pid_of() { # number of the service's process where it is ours and runs
  local number start
  [ -r "$run/$1.pid" ] || return 1
  read -r number start <"$run/$1.pid" || return 1
  [ -n "$start" ] && [ "$(began "$number")" = "$start" ] && echo "$number"
}

listening() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

owner() { # who listens on a port, as far as we may know
  local seen=""
  if command -v ss >/dev/null; then
    seen=$(ss -Hltnp "sport = :$1" 2>/dev/null | sed -n 's/.*users:((\("[^"]*"\),pid=\([0-9]*\).*/\1, process \2/p' | head -n 1)
  fi
  if [ -z "$seen" ] && command -v lsof >/dev/null; then
    seen=$(lsof -nP -iTCP:"$1" -sTCP:LISTEN -Fpc 2>/dev/null | sed -n 's/^p//p; s/^c//p' | paste -sd ' ' - |
      awk 'NF { print "\"" $2 "\", process " $1 }')
  fi
  echo "${seen:-a process of another user}"
}

check_ports() { # every port that is to be taken is free, or the end, before anything is started
  local service port variable taken=0
  for service in $(native_services); do
    pid_of "$service" >/dev/null && continue
    while read -r port variable; do
      if listening "$here" "$port"; then
        say "port $port for $service is in use by $(owner "$port"); stop that, or set $variable"
        taken=1
      fi
    done < <(native_ports "$service")
  done
  [ "$taken" = 0 ] || exit 2
}

launch() { # launch SERVICE FOLDER COMMAND…
  local service=$1 folder=$2 number apart=()
  shift 2
  ! command -v setsid >/dev/null || apart=(setsid) # no Ctrl-C of the terminal reaches it
  turn_log "$run/$service.log"
  (
    cd "$folder" || exit 1
    umask 077
    exec nohup ${apart[@]+"${apart[@]}"} "$@" >>"$run/$service.log" 2>&1 </dev/null 9>&-
  ) &
  number=$!
  echo "$number $(began "$number")" >"$run/$service.pid.new"
  mv "$run/$service.pid.new" "$run/$service.pid"
}

turn_log() { # a log that has grown large makes way for a new one, and the one before it is kept
  if [ "$(wc -c 2>/dev/null <"$1" || echo 0)" -gt "$LOG_BYTES" ]; then mv -f "$1" "$1.1"; fi
}

as_native() { # the compose file's addresses as those of this machine
  sed -e "s#auth-service:8080#$here:$AUTH_PORT#" -e "s#policy-service:8081#$here:$POLICY_PORT#" \
    -e "s#dashboard:3000#$here:$DASHBOARD_PORT#" -e "s#node-exporter:9100#$here:$NODE_EXPORTER_PORT#" \
    -e "s#redis-exporter:9121#$here:$REDIS_EXPORTER_PORT#" -e "s#\(['/]\)prometheus:9090#\1$here:$PROMETHEUS_PORT#" \
    -e "s#alertmanager:9093#$here:$ALERTMANAGER_PORT#" \
    -e "s#forwarder:9095#$here:$FORWARDER_PORT#" -e "s#grafana:3000#$here:$GRAFANA_PORT#" "$1"
}

write_prometheus() { # its configuration, rules and targets with the addresses of this machine
  local file folder=$data/prometheus
  rm -rf "${folder:?}/config"
  mkdir -p "$folder/config/targets" "$folder/tsdb"
  cp "$config"/prometheus/*.yml "$folder/config/"
  for file in "$config"/prometheus/targets/*.yml; do
    case $file in
      */grafana.yml) program grafana-server grafana >/dev/null || continue ;;
    esac
    as_native "$file" >"$folder/config/targets/${file##*/}"
  done
}

write_alertmanager() { # its configuration beside a link to the secrets, so that relative names mean the same
  local folder=$data/alertmanager
  mkdir -p "$folder/config" "$folder/data"
  cp -R "$config"/alertmanager/. "$folder/config/"
  as_native "$config/alertmanager/alertmanager.yml" >"$folder/config/alertmanager.yml"
  ln -sfn "$secrets" "$folder/config/secrets"
}

in_redis_quotes() { # a value as Redis reads it from its configuration, whatever stands in it
  sed -e 's/[\\"]/\\&/g' -e 's/.*/"&"/' <<<"$1"
}

write_redis() { # the password in a file, where no list of processes shows it
  mkdir -p "$data/redis"
  (umask 077 && printf 'bind %s\nport %s\ndir %s\nrequirepass %s\nmaxmemory 256mb\nsave ""\n' "$listen" "$REDIS_PORT" \
    "$(in_redis_quotes "$data/redis")" "$(in_redis_quotes "$(<"$secrets/redis_password.txt")")" >"$data/redis/redis.conf")
}

start_one() {
  local path
  path=$(program_of "$1")
  case $1 in
    redis)
      write_redis
      launch redis "$data" "$path" "$data/redis/redis.conf" ;;
    redis-exporter)
      REDIS_PASSWORD=$(<"$secrets/redis_password.txt") launch redis-exporter "$data" "$path" \
        -redis.addr "redis://$here:$REDIS_PORT" -web.listen-address "$listen:$REDIS_EXPORTER_PORT" ;;
    node-exporter)
      local extra=()
      [ "$(uname)" != Linux ] || extra=(--collector.processes)
      [ -S /run/systemd/private ] || extra+=(--no-collector.systemd) # Debian's asks for it, and complains at each scrape
      mkdir -p "$data/textfiles"
      launch node-exporter "$data" "$path" ${extra[@]+"${extra[@]}"} --collector.textfile.directory="$data/textfiles" \
        --web.listen-address="$listen:$NODE_EXPORTER_PORT" ;;
    stand-in) launch stand-in "$root" "$path" monitoring/exporter serve ;;
    forwarder)
      local heartbeat=${HEARTBEAT_URL_FILE:-$secrets/heartbeat_url.txt}
      [ -s "$heartbeat" ] || heartbeat=
      HEARTBEAT_URL_FILE=$heartbeat FORWARDER_TOKEN_FILE=$secrets/forwarder_token.txt FORWARDER_STATE=$data/tickets.json \
        launch forwarder "$root" "$path" monitoring/forwarder ;;
    alertmanager)
      write_alertmanager
      # No cluster: its port would listen beyond loopback.
      launch alertmanager "$data/alertmanager/config" "$path" --config.file=alertmanager.yml \
        --storage.path="$data/alertmanager/data" --data.retention=1500h \
        --web.listen-address="$listen:$ALERTMANAGER_PORT" \
        --web.external-url="http://localhost:$ALERTMANAGER_PORT" --cluster.listen-address= ;;
    prometheus)
      write_prometheus
      local more=()
      read -r -a more <<<"${PROMETHEUS_ARGUMENTS:-}"
      launch prometheus "$data/prometheus" "$path" --config.file=config/prometheus.yml --storage.tsdb.path=tsdb \
        --storage.tsdb.retention.time="$retention" --web.listen-address="$listen:$PROMETHEUS_PORT" \
        --web.external-url="http://localhost:$PROMETHEUS_PORT" --web.enable-lifecycle ${more[@]+"${more[@]}"} ;;
    grafana) start_grafana "$path" ;;
  esac
}

start_grafana() { # on loopback, its administrator's password from the file
  local home=${GRAFANA_HOME:-/usr/share/grafana} command=("$1")
  [ "${1##*/}" = grafana-server ] || command+=(server)
  mkdir -p "$data/grafana"
  GF_SERVER_HTTP_ADDR=$listen GF_SERVER_HTTP_PORT=$GRAFANA_PORT GF_SECURITY_ADMIN_USER=admin \
    GF_SECURITY_ADMIN_PASSWORD__FILE=$secrets/grafana_password.txt GF_PATHS_DATA=$data/grafana \
    GF_PATHS_LOGS=$data/grafana/log GF_PATHS_PLUGINS=$data/grafana/plugins GF_PATHS_PROVISIONING=$config/grafana \
    PROMETHEUS_URL=http://$here:$PROMETHEUS_PORT ALERTMANAGER_URL=http://$here:$ALERTMANAGER_PORT \
    GF_ANALYTICS_REPORTING_ENABLED=false GF_USERS_ALLOW_SIGN_UP=false \
    launch grafana "$home" "${command[@]}" --homepath "$home"
}

native_start() {
  local service
  mkdir -p "$run"
  if command -v flock >/dev/null; then # two starts at once would take each other's ports and files
    exec 9>"$run/lock"
    flock -w "$HEALTH_SECONDS" 9 || die "another start has been at work for $HEALTH_SECONDS s; see status"
  fi
  check_programs
  check_ports
  trap 'trap - INT; say "interrupted; what was started runs on: see status, or stop it"; exit 130' INT
  for service in $(native_services); do
    if pid_of "$service" >/dev/null; then say "$service runs already"; else start_one "$service"; fi
  done
  wait_for_health
}

native_ended() { # services that were started and run no more, with the last they said
  local service
  for service in $(native_services); do
    pid_of "$service" >/dev/null ||
      printf '%-16s DOWN: it has ended; its last words: %s\n' "$service" "$(tail -n 1 "$run/$service.log" 2>/dev/null)"
  done
}

native_stop() { # in reverse order, and nothing but what start has started
  local service number waited
  for service in grafana prometheus alertmanager forwarder stand-in node-exporter redis-exporter redis; do
    number=$(pid_of "$service") || { rm -f "$run/$service.pid"; continue; }
    kill "$number" 2>/dev/null || true
    waited=0
    while pid_of "$service" >/dev/null; do
      waited=$((waited + 1))
      [ "$waited" -lt 150 ] || kill -9 "$number" 2>/dev/null || true # after half a minute
      sleep 0.2
    done
    rm -f "$run/$service.pid"
    say "$service stopped"
  done
}

native_status() {
  local service number
  for service in $(native_services); do
    if number=$(pid_of "$service"); then
      printf '%-16s running   process %-8s port %s\n' "$service" "$number" \
        "$(native_ports "$service" | cut -d ' ' -f 1 | paste -sd ' ' -)"
    else
      printf '%-16s stopped\n' "$service"
    fi
  done
}

native_logs() { # native_logs [SERVICE]: what it has printed
  local service
  for service in ${1:-$(native_services)}; do
    if [ ! -r "$run/$service.log" ]; then
      [ -z "${1:-}" ] || die "there is no log of $service; there are: $(native_services | paste -sd ' ' -)"
      continue
    fi
    tail -n "$LOG_LINES" "$run/$service.log" | sed "s/^/$service | /"
  done
}
