# The state folder of a running system: where it lies, who owns what, keys,
# certificates, configuration.  Sourced by run and stop after lib.sh.

home=${DICOM_HOME:-$top/var}
[[ $home == /* ]] || home=$PWD/$home
port_base=${DICOM_PORT_BASE:-8443}
demo_facility=0de00000-0000-4000-8000-000000000001

# Whom the services run as: as root nobody of them is root, else all are us.
as_root=
web_user=$(id -un)
database_user=$web_user
if [ "$(id -u)" = 0 ]; then
    as_root=1
    web_user=www-data
    database_user=postgres
fi

# Runs a command as another user when we are root.
as()
{
    local user=$1
    shift
    if [ -n "$as_root" ]; then
        setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
    else
        "$@"
    fi
}

own()
{
    local user=$1
    shift
    [ -z "$as_root" ] || chown "$user:" "$@"
}

check_settings()
{
    [[ $port_base =~ ^[0-9]+$ ]] && [ "$port_base" -ge 1 ] &&
        [ "$port_base" -le 65532 ] ||
        die "DICOM_PORT_BASE is not a port: $port_base"
}

# $state: the folder itself, where every service can reach its part.  It is
# $home unless we are root and a parent of $home is closed to others; then it
# lies below /var/lib and $home is full of links to it.
find_state()
{
    mkdir -p "$home" 2>/dev/null || die "cannot make the state folder $home" \
        "set DICOM_HOME to a folder of yours"
    home=$(cd "$home" && pwd -P)
    [[ $home != *[!A-Za-z0-9_./@+,:=~-]* ]] ||
        die "the name of the state folder has a space or a special sign: $home" \
            "set DICOM_HOME to a folder with a plainer name"
    state=$home
    moved=
    [ -n "$as_root" ] || return 0

    own root "$home"
    chmod 755 "$home"
    if as www-data test -x "$home" -a -r "$top/html" &&
        as postgres test -x "$home"
    then
        return 0
    fi

    moved=1
    state=/var/lib/dicom-rendering/$(printf '%s' "$home" | md5sum | cut -c1-12)
    mkdir -p "$state"
    chmod 755 /var/lib/dicom-rendering "$state"
    printf '%s\n' "$home" >"$state/home"
}

make_folders()
{
    local d
    for d in conf certs keys logs run db store temp bin; do
        mkdir -p "$state/$d"
    done
    chmod 750 "$state/conf" "$state/keys" "$state/store" "$state/temp"
    chmod 755 "$state/run" "$state/logs" "$state/certs" "$state/bin"
    own "$web_user" "$state/store" "$state/temp"
    own "$database_user" "$state/db"
    chmod 700 "$state/db"

    if [ -n "$moved" ]; then
        for d in conf certs keys logs run db store temp bin; do
            [ -L "$home/$d" ] || [ -e "$home/$d" ] ||
                ln -s "$state/$d" "$home/$d"
        done
    fi

    # Unix sockets have short names.
    run=$state/run
    if [ ${#run} -gt 70 ]; then
        run=/tmp/dicom-$(id -u)-$(printf '%s' "$state" | md5sum | cut -c1-12)
        mkdir -p -m 755 "$run"
        [ -O "$run" ] || die "$run belongs to somebody else" \
            "set DICOM_HOME to a folder with a shorter name"
        chmod 755 "$run"
    fi
    mkdir -p "$run/database" "$run/worker"
    own "$database_user" "$run/database"
    own "$web_user" "$run/worker"
    chmod 755 "$run/database"
    chmod 750 "$run/worker"
}

# What the services execute and serve, where they can reach it.
place_binaries()
{
    local f
    for f in render-worker ngx_http_dicom_module.so; do
        cmp -s "$build_dir/release/$f" "$state/bin/$f" && continue
        cp "$build_dir/release/$f" "$state/bin/$f.new"
        chmod 755 "$state/bin/$f.new"
        mv -f "$state/bin/$f.new" "$state/bin/$f"
    done
    html=$top/html
    if [ -n "$moved" ] || [[ $top == *[!A-Za-z0-9_./@+,:=~-]* ]]; then
        html=$state/html
        rm -rf "$html"
        cp -r "$top/html" "$html"
        chmod -R a+rX "$html"
    fi
}

random_secret()
{
    (umask 077 && openssl rand -hex 32 >"$1.new" && mv "$1.new" "$1")
}

make_keys()
{
    local k
    for k in jwt audit database database-migrate database-owner; do
        [ -s "$state/keys/$k" ] || random_secret "$state/keys/$k"
    done
}

# A certificate authority of our own, and one certificate for all four servers.
make_certificates()
{
    local c=$state/certs names
    [ -s "$c/server.crt" ] && openssl x509 -noout -checkend 604800 \
        -in "$c/server.crt" >/dev/null 2>&1 && return

    names="IP:127.0.0.1,IP:::1,DNS:localhost,DNS:$(hostname)"
    (
        umask 077
        if [ ! -s "$c/ca.key" ]; then
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
                -nodes -keyout "$c/ca.key" -out "$c/ca.crt" -days 3650 \
                -subj "/CN=DICOM rendering, $(hostname)" \
                -addext basicConstraints=critical,CA:true,pathlen:0 \
                -addext keyUsage=critical,keyCertSign,cRLSign
        fi
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -keyout "$c/server.key" -out "$c/server.csr" -subj "/CN=localhost"
        cat >"$c/server.ext" <<END
basicConstraints=critical,CA:false
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=$names
END
        openssl x509 -req -in "$c/server.csr" -CA "$c/ca.crt" \
            -CAkey "$c/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
            -days 390 -extfile "$c/server.ext" -out "$c/server.new"
        mv "$c/server.new" "$c/server.crt"
        rm -f "$c/server.csr" "$c/server.ext"
    ) >"$state/logs/openssl.log" 2>&1 ||
        die "making certificates failed" "see $state/logs/openssl.log"
    chmod 644 "$c/ca.crt" "$c/server.crt"
}

# conf/ of the checkout, with the folders and ports of this system.
make_conf()
{
    local f text p=$port_base http2=()
    if [[ $(nginx_version) > 1.025.000 ]]; then
        http2=(-e 's/ssl http2;/ssl;/' -e 's/^\( *\)dicom_config /\1http2 on;\n&/')
    fi
    mkdir -p "$state/conf/modules-enabled" "$state/conf/conf.d"
    for f in nginx.conf modules-enabled/dicom.conf conf.d/dicom.conf \
        web.yaml toplevel.yaml facility.yaml node.yaml
    do
        text=$(sed "${http2[@]}" \
            -e "s|/usr/lib/nginx/modules/ngx_http|$state/bin/ngx_http|" \
            -e "s|/usr/share/dicom/html|$html|" \
            -e "s|/run/dicom/render-worker|$run/worker/render-worker|" \
            -e "s|/run/dicom/|$run/|" \
            -e "s|/etc/dicom/certs/|$state/certs/|" \
            -e "s|/etc/dicom/keys/|$state/keys/|" \
            -e "s|/etc/dicom/|$state/conf/|" \
            -e "s|/var/log/dicom/|$state/logs/|" \
            -e "s|/var/lib/dicom/|$state/|" \
            -e "s|:8443|:@0@|; s|:8444|:@1@|; s|:8445|:@2@|; s|:8446|:@3@|" \
            -e "s|: 8443|: @0@|; s|: 8444|: @1@|; s|: 8445|: @2@|; s|: 8446|: @3@|" \
            -e "s|@0@|$p|; s|@1@|$((p + 1))|; s|@2@|$((p + 2))|; s|@3@|$((p + 3))|" \
            "$top/conf/$f")
        case $f in
        nginx.conf) [ -n "$as_root" ] || text=${text//user www-data;/} ;;
        web.yaml) text+=$'\ndemo: true' ;&
        toplevel.yaml|facility.yaml|node.yaml)
            # The viewer may be opened by either name of this machine.
            text=${text//  - \"https:\/\/127.0.0.1:$p\"/&$'\n'  - \"https:\/\/localhost:$p\"} ;;
        esac
        text=$(put_database_url "$text")
        printf '%s\n' "$text" >"$state/conf/$f.new"
        mv "$state/conf/$f.new" "$state/conf/$f"
        chmod 640 "$state/conf/$f"
    done
}

nginx_version()
{
    nginx_binary -v 2>&1 | sed -n 's|.*nginx/\([0-9.]*\).*|\1|p' |
        awk -F. '{ printf "%d.%03d.%03d\n", $1, $2, $3 }'
}

nginx_binary()
{
    PATH=$PATH:/usr/sbin:/sbin nginx "$@"
}

# A database elsewhere is named by $DICOM_DATABASE_URL; its password is taken out
# of the URL, so that no process list shows it.
external_url=${DICOM_DATABASE_URL:-}
external_password=
if [[ $external_url =~ ^([a-z]+://[^:/@]+):([^@]*)@(.*)$ ]]; then
    external_url=${BASH_REMATCH[1]}@${BASH_REMATCH[3]}
    printf -v external_password '%b' "${BASH_REMATCH[2]//%/\\x}"
fi

# database_url NAME [ROLE]: as the owner of its tables, or as another role; a
# database elsewhere is always asked by the user that its URL names.
database_url()
{
    local name=$1 role=${2:-dicom} url=$external_url query=
    if [ -n "$url" ]; then
        [[ $url != *\?* ]] || query=?${url#*\?}
        url=${url%%\?*}
        printf '%s/%s%s' "${url%/}" "$name" "$query"
    elif use_cockroach; then
        printf 'postgresql://%s@127.0.0.1:%d/%s?%s' "$role" \
            $((port_base + 4)) "$name" "sslmode=verify-full&sslrootcert=$state/certs/cockroach/ca.crt"
    else
        printf 'postgresql://%s@/%s?host=%s' "$role" "$name" "$run/database"
    fi
}

# Puts the databases' URLs for the servers into a text, and where the password
# is.
put_database_url()
{
    local toplevel facility file=$state/keys/database
    toplevel=$(database_url toplevel dicom_server)
    facility=$(database_url facility dicom_server)
    if [ -n "$external_url" ]; then
        file=
        if [ -n "$external_password" ]; then
            file=$state/keys/database-external
            (umask 077 && printf '%s' "$external_password" >"$file")
        fi
    fi
    awk -v a="$toplevel" -v b="$facility" -v file="$file" '
        /^databaseUrl:/ { print "databaseUrl: \"" (/\/toplevel/ ? a : b) "\""
                          next }
        /^databasePasswordFile:/ {
            if (file != "") print "databasePasswordFile: \"" file "\""
            next }
        { print }' <<<"$1"
}

url_of()
{
    local n
    case $1 in
    web) n=0 ;; toplevel) n=1 ;; facility) n=2 ;; node) n=3 ;;
    esac
    printf 'https://127.0.0.1:%d' $((port_base + n))
}
