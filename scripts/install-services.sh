#!/usr/bin/env bash
# Installs the servers the tests, examples and benchmarks run against: PostgreSQL (15 or later) with
# pgvector (0.8 or later), Redis and PgBouncer. Debian or Ubuntu, as root. Idempotent, and quick when
# everything is there. Only binaries are wanted: no system service is started.
set -euo pipefail

readonly MIN_POSTGRES=15
readonly MIN_PGVECTOR=0.8.0

say() { printf '%s\n' "$*"; }
die() { printf 'install-services: %s\n' "$*" >&2; exit 1; }

# The newest PostgreSQL installed, as a major version number; empty when there is none.
installed_postgres() {
  local initdb version newest=''
  for initdb in /usr/lib/postgresql/*/bin/initdb; do
    [[ -x $initdb ]] || continue
    version=${initdb#/usr/lib/postgresql/}
    version=${version%%/*}
    if ((version >= MIN_POSTGRES && version > ${newest:-0})); then newest=$version; fi
  done
  printf '%s' "$newest"
}

# The version of pgvector that CREATE EXTENSION would give in PostgreSQL $1; empty when there is none.
installed_pgvector() {
  local line
  [[ -r /usr/share/postgresql/$1/extension/vector.control ]] || return 0
  while read -r line; do
    if [[ $line == default_version* ]]; then
      line=${line#*\'}
      printf '%s' "${line%%\'*}"
    fi
  done <"/usr/share/postgresql/$1/extension/vector.control"
}

at_least() { [[ $1 == "$2" ]] || dpkg --compare-versions "$1" gt "$2"; }

has_pgvector() {
  local version
  version=$(installed_pgvector "$1")
  [[ -n $version ]] && at_least "$version" "$MIN_PGVECTOR"
}

version_of() { [[ $("$@" 2>/dev/null) =~ [0-9]+(\.[0-9]+)+ ]] && printf '%s' "${BASH_REMATCH[0]}"; }

apt_ready=''
refresh_apt() {
  [[ -z $apt_ready ]] || return 0
  say 'apt: reading package lists'
  apt-get update -qq -o DPkg::Lock::Timeout=300
  apt_ready=yes
}

apt_install() {
  refresh_apt
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >"$scratch/apt.log" 2>&1 || { tail -n 20 "$scratch/apt.log" >&2; die "apt could not install $*"; }
}

# Packages start their services when installed; the tests start servers of their own on free ports.
forbid_service_starts() {
  [[ -e /usr/sbin/policy-rc.d ]] && return
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  own_policy=yes
}

# Writes a private list with the source packages of suite $1, component $2. It is this machine's own
# entry for its distribution (address, signing key, options) with type, suite and component replaced.
write_source_list() {
  local suite=$1 component=$2 file
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -r $file ]] || continue
    awk -v own="$VERSION_CODENAME" -v suite="$suite" -v component="$component" '
      BEGIN { RS = ""; FS = "\n" }
      {
        deb = 0; ours = 0; enabled = 1
        for (i = 1; i <= NF; i++) {
          line = tolower($i)
          if (line ~ /^types:/ && line ~ /(^|[ \t:])deb([ \t]|$)/) deb = 1
          if (line ~ /^suites:/ && line ~ ("[ \t:]" own "([ \t]|$)")) ours = 1
          if (line ~ /^enabled:[ \t]*(no|false)/) enabled = 0
        }
        if (!deb || !ours || !enabled) next
        print "Types: deb-src"; print "Suites: " suite; print "Components: " component
        for (i = 1; i <= NF; i++) if (tolower($i) !~ /^(#|types:|suites:|components:|enabled:)/) print $i
        exit
      }' "$file" >"$scratch/source.sources"
    if [[ -s $scratch/source.sources ]]; then printf '%s' "$scratch/source.sources"; return; fi
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -r $file ]] || continue
    awk -v own="$VERSION_CODENAME" -v suite="$suite" -v component="$component" '
      $1 == "deb" {
        at = 2; options = ""
        if ($2 ~ /^\[/) { do { options = options $at " " } while ($(at++) !~ /\]$/ && at <= NF) }
        if ($(at + 1) != own) next
        print "deb-src " options $at " " suite " " component
        exit
      }' "$file" >"$scratch/source.list"
    if [[ -s $scratch/source.list ]]; then printf '%s' "$scratch/source.list"; return; fi
  done
  die "found no apt source for $VERSION_CODENAME to take the pgvector source from; install pgvector $MIN_PGVECTOR or later by hand"
}

# pgvector is in no binary suite of Debian 12, and too old in Ubuntu 24.04; the source package of a
# newer release builds against any PostgreSQL from 13 on.
build_pgvector() {
  local postgres=$1 list suite component
  case $ID in
    debian) suite=trixie component=main ;;
    *) suite=resolute component=universe ;;
  esac
  # Naming postgresql-NN too brings the server to the minor version of the headers.
  apt_install build-essential dpkg-dev "postgresql-$postgres" "postgresql-server-dev-$postgres"
  list=$(write_source_list "$suite" "$component")
  local apt_options=(
    -o Dir::Etc::sourcelist="$list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$scratch/lists" -o Dir::Cache="$scratch/cache"
    -o APT::Sandbox::User=root
  )
  mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/source"
  say "pgvector: building the source package of $suite for PostgreSQL $postgres"
  (
    cd "$scratch/source"
    apt-get update -qq "${apt_options[@]}"
    apt-get source -qq "${apt_options[@]}" pgvector
    cd pgvector-*/
    # OPTFLAGS defaults to -march=native, which fails on a machine other than the builder's.
    make OPTFLAGS= -j2 PG_CONFIG="/usr/lib/postgresql/$postgres/bin/pg_config"
    make install PG_CONFIG="/usr/lib/postgresql/$postgres/bin/pg_config"
  ) >"$scratch/build.log" 2>&1 || { tail -n 20 "$scratch/build.log" >&2; die 'pgvector did not build'; }
}

install_pgvector() {
  local postgres=$1 candidate
  refresh_apt
  candidate=$(apt-cache policy "postgresql-$postgres-pgvector" | awk '$1 == "Candidate:" { print $2 }')
  if [[ -n $candidate && $candidate != '(none)' ]] && at_least "$candidate" "$MIN_PGVECTOR"; then
    apt_install "postgresql-$postgres-pgvector"
  else
    build_pgvector "$postgres"
  fi
}

# report NAME VERSION STATE
report() { printf '%-12s %-10s %s\n' "$1" "$2" "$3"; }

main() {
  local state postgres
  [[ -r /etc/os-release ]] || die 'this script knows Debian and Ubuntu only'
  # shellcheck source=/dev/null
  . /etc/os-release
  case " $ID ${ID_LIKE-} " in
    *' debian '* | *' ubuntu '*) ;;
    *) die "this script knows Debian and Ubuntu only; install PostgreSQL >= $MIN_POSTGRES with pgvector >= $MIN_PGVECTOR, redis-server and pgbouncer" ;;
  esac

  postgres=$(installed_postgres)
  if ((EUID != 0)); then
    if [[ -z $postgres ]] || ! has_pgvector "$postgres" || ! command -v redis-server pgbouncer >/dev/null; then
      die 'something is missing and installing needs root; run it again as root'
    fi
  fi

  state=found
  if [[ -z $postgres ]]; then
    forbid_service_starts
    apt_install postgresql
    state=installed
    postgres=$(installed_postgres)
    [[ -n $postgres ]] || die "this release has no PostgreSQL $MIN_POSTGRES or later"
  fi
  report postgresql "$(version_of "/usr/lib/postgresql/$postgres/bin/postgres" --version)" "$state"

  state=found
  if ! has_pgvector "$postgres"; then
    forbid_service_starts
    install_pgvector "$postgres"
    has_pgvector "$postgres" || die "pgvector $MIN_PGVECTOR or later is still missing for PostgreSQL $postgres"
    state=installed
  fi
  report pgvector "$(installed_pgvector "$postgres")" "$state"

  local name package
  for package in redis-server pgbouncer; do
    state=found
    if ! command -v "$package" >/dev/null; then
      forbid_service_starts
      apt_install "$package"
      state=installed
    fi
    name=${package%-server}
    report "$name" "$(version_of "$package" --version)" "$state"
  done
}

own_policy=''
scratch=$(mktemp -d)
cleanup() {
  rm -rf "$scratch"
  [[ -z $own_policy ]] || rm -f /usr/sbin/policy-rc.d
}
trap cleanup EXIT
PATH=$PATH:/usr/sbin:/sbin
main
