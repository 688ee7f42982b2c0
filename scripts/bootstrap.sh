#!/usr/bin/env bash
# Install what is missing: the Python environment (.venv), Prometheus, and with "test" what the tests need besides.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "bootstrap: $*" >&2; }
die() { say "$@"; exit 2; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install_with_apt() { # without starting services: they would take the ports, and listen beyond loopback
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
  fi
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

install_with_brew() { # Homebrew's names for Debian's packages
  local package
  for package in "$@"; do
    case $package in
      python3-venv) brew install --quiet python ;;
      redis-server) brew install --quiet redis ;;
      victoria-metrics) brew install --quiet victoriametrics ;;
      chromium) brew install --quiet --cask chromium ;;
      prometheus-*-exporter) package=${package#prometheus-} && brew install --quiet "${package/-/_}" ;;
      *) brew install --quiet "${package#prometheus-}" ;;
    esac
  done
}

install_packages() {
  say "installing $*"
  if command -v apt-get >/dev/null; then install_with_apt "$@"
  elif command -v brew >/dev/null; then install_with_brew "$@"
  else die "install $* by hand: neither apt-get nor brew is here" \
    "(PROMREVIEW_PROMETHEUS names a Prometheus that is not on the PATH)"; fi
}

have() { local name; for name in "$@"; do ! command -v "$name" >/dev/null || return 0; done; return 1; }

missing_packages() { # Debian's package of each program that is not here, under its name there or upstream
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  have "${PROMREVIEW_PROMETHEUS:-prometheus}" || echo prometheus
  [ "${1:-}" = test ] || return 0
  have prometheus-alertmanager alertmanager || echo prometheus-alertmanager
  have redis-server || echo redis-server
  have victoria-metrics || echo victoria-metrics
  have prometheus-node-exporter node_exporter || echo prometheus-node-exporter
  have prometheus-redis-exporter redis_exporter || echo prometheus-redis-exporter
  have chromium chromium-browser google-chrome || echo chromium
}

install_environment() { # once for each version of the lock file
  local stamp
  stamp=.venv/.installed-$(git hash-object --stdin < <(cat requirements.lock pyproject.toml))
  [ ! -e "$stamp" ] || return 0
  say "installing the Python environment into .venv"
  [ -x .venv/bin/python ] || python3 -m venv .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check uv==0.13.9 # installs in a fifth of pip's time
  export UV_SYSTEM_CERTS=1 # a company's own certificate authority is in the system's store
  .venv/bin/uv pip sync -q --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock
  .venv/bin/uv pip install -q --python .venv/bin/python hatchling==1.27.0 editables==0.5
  .venv/bin/uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
  touch "$stamp"
}

command -v python3 >/dev/null && python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  die "promreview needs python3 of 3.11 or later"
read -r -a missing <<<"$(missing_packages "${1:-}" | tr '\n' ' ')"
[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
install_environment
