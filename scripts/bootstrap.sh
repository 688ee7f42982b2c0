#!/usr/bin/env bash
# Install what is missing: the Python environment (.venv), Prometheus, and with "test" what the tests need besides.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-run}
lock=requirements.lock

sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
apt_install() { # packages, without starting their services, which would listen beyond loopback
  local policy=/usr/sbin/policy-rc.d
  "${sudo[@]}" apt-get update -qq
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee $policy >/dev/null; "${sudo[@]}" chmod +x $policy; made_policy=1; }
  trap '[ -z "${made_policy:-}" ] || "${sudo[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "promreview needs python3 of 3.11 or later" >&2; exit 2; }
missing=()
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
command -v "${PROMREVIEW_PROMETHEUS:-prometheus}" >/dev/null || missing+=(prometheus)
if [ "$what" = test ]; then
  for pair in prometheus-alertmanager:prometheus-alertmanager redis-server:redis-server victoria-metrics:victoria-metrics \
      prometheus-node-exporter:prometheus-node-exporter prometheus-redis-exporter:prometheus-redis-exporter chromium:chromium; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
fi
[ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"

stamp=.venv/.installed-$(cat requirements.lock pyproject.toml | sha256sum | cut -c1-16)
if [ ! -e "$stamp" ]; then
  [ -x .venv/bin/python ] || python3 -m venv .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check uv
  .venv/bin/uv pip sync -q --compile-bytecode --python .venv/bin/python --require-hashes $lock
  .venv/bin/python -m pip install -q --disable-pip-version-check uv hatchling editables
  .venv/bin/uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
  touch "$stamp"
fi
