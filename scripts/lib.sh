# Shared by the scripts beside it; sourced by bash, never run.

set -euo pipefail
umask 022

top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P)
build_dir=${DICOM_BUILD:-$top/.build}

# Debian's packages, by what needs them.
packages_build=(build-essential pkg-config nginx nginx-dev libpq-dev libssl-dev
    libjwt-dev libyaml-dev libyajl-dev libgdcm-dev libjpeg62-turbo-dev
    libisal-dev libseccomp-dev libunistring-dev libegl-dev libgbm-dev
    libgl-dev libopenjp2-7-dev libcharls-dev zlib1g-dev libjxl-dev
    libavcodec-dev libavformat-dev)
packages_run=(postgresql postgresql-client libegl1 libgl1-mesa-dri openssl curl
    ca-certificates perl util-linux procps)
packages_test=(libcmocka-dev libio-socket-ssl-perl dcmtk dicom3tools chromium
    python3-venv iproute2)
# For scripts/test --fuzz only: clang and the libFuzzer of its runtime.
packages_fuzz=(clang libclang-rt-dev)
# Taken only when no such command is there, whoever installed it.
commands_test=(node:nodejs npm:npm)

say()
{
    printf '%s\n' "$*" >&2
}

die()
{
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    shift
    for line in "$@"; do
        printf '    %s\n' "$line" >&2
    done
    exit 1
}

# The packages among "$@" that are not installed.
packages_missing()
{
    local have
    have=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" \
        2>/dev/null | sed -n 's/^ii  *//p' || true)
    for p in "$@"; do
        grep -qxF -- "$p" <<<"$have" || printf '%s\n' "$p"
    done
}

# Installs what is missing among "$@"; "command:package" asks for the command.
install_packages()
{
    local want=() missing p
    for p in "$@"; do
        case $p in
        *:*) command -v "${p%%:*}" >/dev/null || want+=("${p#*:}") ;;
        *)   want+=("$p") ;;
        esac
    done

    [ ${#want[@]} -gt 0 ] || return 0
    command -v dpkg-query >/dev/null ||
        die "this is not a Debian system: dpkg-query is missing" \
            "install the counterparts of: ${want[*]}"

    mapfile -t missing < <(packages_missing "${want[@]}")
    [ ${#missing[@]} -gt 0 ] || return 0

    say "installing from Debian: ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            die "packages are missing and there is no sudo" \
                "as root: apt-get install ${missing[*]}"
        if ! sudo -n true 2>/dev/null && ! { [ -t 0 ] && sudo -v; }; then
            die "packages are missing and sudo is not allowed to this user" \
                "as root: apt-get install ${missing[*]}"
        fi
        as_root=(sudo -n)
    fi
    local log
    log=$(mktemp)
    if ! "${as_root[@]}" bash "$top/scripts/install-packages" "${missing[@]}" \
        >"$log" 2>&1
    then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "installing packages failed (above are apt's last lines)" \
            "check the network and /etc/apt/sources.list*, then try again, or" \
            "as root: apt-get install ${missing[*]}"
    fi
    rm -f "$log"
}

# Where Debian keeps the server programs of the newest PostgreSQL.
postgres_bin()
{
    local d
    d=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -n "$d" ] && [ -x "$d/postgres" ] ||
        die "PostgreSQL's server programs are missing" \
            "install Debian's package: postgresql"
    printf '%s\n' "$d"
}
