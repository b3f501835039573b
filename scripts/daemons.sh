# Starting, watching and stopping the services of one system.  Sourced by run
# after state.sh.

declare -A daemon_pid=() daemon_stop=() daemon_since=() daemon_failures=()
stopping=

# start NAME USER SIGNAL COMMAND...: as that user when we are root, in a session
# of its own, so that Ctrl-C reaches only us, and ended by the signal should we
# be killed.
start()
{
    local name=$1 user=$2 signal=$3 how=(setpriv --pdeathsig "$3")
    shift 3
    if [ -n "$as_root" ] && [ "$user" != root ]; then
        how+=(--reuid="$user" --regid="$user" --init-groups)
    fi
    setsid "${how[@]}" -- "$@" </dev/null >>"$state/logs/$name.log" 2>&1 \
        8>&- 9>&- &
    daemon_pid[$name]=$!
    daemon_stop[$name]=$signal
    daemon_since[$name]=$SECONDS
    printf '%s\n' "$!" >"$state/run/$name.pid"
}

alive()
{
    local pid=${daemon_pid[$1]:-}
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}

# ready NAME SECONDS COMMAND...: waits until the command succeeds.
ready()
{
    local name=$1 tries=$(($2 * 10))
    shift 2
    while ! "$@" >/dev/null 2>&1; do
        alive "$name" && [ $((tries -= 1)) -gt 0 ] || {
            tail -n 15 "$state/logs/$name.log" >&2
            die "$name did not start (above is the end of its log)" \
                "the whole log: $state/logs/$name.log" "$(disk_hint)"
        }
        sleep 0.1
    done
}

disk_hint()
{
    local free
    free=$(df -Pk "$state" | awk 'NR == 2 { print $4 }')
    [ "${free:-0}" -gt 200000 ] ||
        printf 'the disk of %s is full: %s kB are free' "$state" "$free"
}

listening()
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

check_ports()
{
    local p
    for p in "$port_base" $((port_base + 1)) $((port_base + 2)) \
        $((port_base + 3))
    do
        ! listening "$p" || die "port $p is taken by another program" \
            "choose others: DICOM_PORT_BASE=$((port_base + 100)) $0"
    done
}

# --- the database

use_cockroach()
{
    command -v cockroach >/dev/null
}

make_cluster()
{
    local bin password=$state/db/.password
    [ ! -s "$state/db/postgres/PG_VERSION" ] || return 0

    bin=$(postgres_bin)
    rm -rf "$state/db/postgres"
    # initdb reads the password from a file of its own user.
    install -m 600 "$state/keys/database-owner" "$password"
    own "$database_user" "$password"
    if ! (cd / && as "$database_user" "$bin/initdb" \
        -D "$state/db/postgres" -U postgres -A scram-sha-256 \
        --pwfile="$password" -E UTF8 --locale=C --data-checksums \
        --no-instructions) >"$state/logs/initdb.log" 2>&1
    then
        rm -rf "$password" "$state/db/postgres"
        tail -n 10 "$state/logs/initdb.log" >&2
        die "making the database cluster failed" "$(disk_hint)"
    fi
    rm -f "$password"
}

start_postgres()
{
    # Statements and their parameters name patients: they are not logged.
    start database "$database_user" INT "$(postgres_bin)/postgres" \
        -D "$state/db/postgres" -c listen_addresses= \
        -c unix_socket_directories="$run/database" \
        -c shared_buffers=128MB -c max_connections=200 -c jit=off \
        -c timezone=UTC -c log_timezone=UTC -c log_statement=none \
        -c log_min_error_statement=panic
}

start_cockroach()
{
    local c=$state/certs/cockroach
    if [ ! -s "$c/node.crt" ]; then
        mkdir -p "$c"
        cockroach cert create-ca --certs-dir="$c" --ca-key="$c/ca.key"
        cockroach cert create-node 127.0.0.1 localhost --certs-dir="$c" \
            --ca-key="$c/ca.key"
        cockroach cert create-client root --certs-dir="$c" --ca-key="$c/ca.key"
        [ -z "$as_root" ] || chown -R "$database_user:" "$c"
    fi
    start database "$database_user" TERM cockroach start-single-node \
        --certs-dir="$c" --store="$state/db/cockroach" \
        --listen-addr="127.0.0.1:$((port_base + 4))" --http-addr=127.0.0.1:0
}

start_database()
{
    if use_cockroach; then
        start_cockroach
    else
        start_postgres
    fi
}

# SQL as the owner of the whole cluster.
owner_sql()
{
    if use_cockroach; then
        as "$database_user" cockroach sql --certs-dir="$state/certs/cockroach" \
            --host="127.0.0.1:$((port_base + 4))" --format=tsv
    else
        psql -X -A -t -q -v ON_ERROR_STOP=1 -h "$run/database" -U postgres \
            -d postgres
    fi
}

# The owner of the tables, the role of the servers, and the two databases.
make_databases()
{
    local owner server
    owner=$(cat "$state/keys/database-migrate")
    server=$(cat "$state/keys/database")
    if use_cockroach; then
        owner_sql <<END
CREATE USER IF NOT EXISTS dicom;
ALTER USER dicom WITH PASSWORD '$owner';
CREATE USER IF NOT EXISTS dicom_server;
ALTER USER dicom_server WITH PASSWORD '$server';
CREATE DATABASE IF NOT EXISTS toplevel;
CREATE DATABASE IF NOT EXISTS facility;
ALTER DATABASE toplevel OWNER TO dicom;
ALTER DATABASE facility OWNER TO dicom;
END
        return
    fi
    owner_sql <<END
SELECT format('CREATE ROLE %I LOGIN', r)
    FROM unnest(ARRAY['dicom', 'dicom_server']) r
    WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = r) \gexec
ALTER ROLE dicom PASSWORD '$owner';
ALTER ROLE dicom_server PASSWORD '$server';
SELECT format('CREATE DATABASE %I OWNER dicom', d)
    FROM unnest(ARRAY['toplevel', 'facility']) d
    WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = d) \gexec
END
}

prepare_database()
{
    export PGPASSFILE=$state/keys/pgpass PGCONNECT_TIMEOUT=10
    (umask 077 && printf '*:*:*:postgres:%s\n*:*:*:dicom:%s\n' \
        "$(cat "$state/keys/database-owner")" \
        "$(cat "$state/keys/database-migrate")" >"$PGPASSFILE")

    if [ -n "$external_url" ]; then
        [ -z "$external_password" ] || export PGPASSWORD=$external_password
    else
        use_cockroach || make_cluster
        start_database
        ready database 60 owner_sql <<<"SELECT 1"
        make_databases >"$state/logs/migrate.log" 2>&1 ||
            { tail -n 10 "$state/logs/migrate.log" >&2
              die "making the databases failed"; }
    fi

    local name
    for name in toplevel facility; do
        "$top/scripts/migrate" "$name" "$(database_url "$name")" \
            >>"$state/logs/migrate.log" 2>&1 || {
            tail -n 10 "$state/logs/migrate.log" >&2
            die "the database $name could not be brought up to date" \
                "is it there, and may its user make tables in it?"
        }
    done
}

# --- the others

start_worker()
{
    # Mesa keeps compiled shaders below $HOME.
    start render-worker "$web_user" TERM env HOME="$state/temp" \
        "$state/bin/render-worker" \
        --socket "$run/worker/render-worker.sock" --store "$state/store" \
        --renderer "${DICOM_RENDERER:-auto}"
}

worker_listens()
{
    perl -MIO::Socket::UNIX -e \
        'exit !IO::Socket::UNIX->new(Peer => $ARGV[0])' \
        "$run/worker/render-worker.sock"
}

nginx_command()
{
    nginx_path=$(PATH=$PATH:/usr/sbin:/sbin command -v nginx) ||
        die "nginx is missing" "install Debian's package: nginx"
    nginx_args=(-p "$state/" -c "$state/conf/nginx.conf" -e
        "$state/logs/error.log")
}

check_nginx()
{
    nginx_command
    "$nginx_path" "${nginx_args[@]}" -t >"$state/logs/nginx-test.log" 2>&1 || {
        cat "$state/logs/nginx-test.log" >&2
        die "nginx refuses its configuration"
    }
}

start_nginx()
{
    nginx_command
    start nginx root QUIT "$nginx_path" "${nginx_args[@]}" -g 'daemon off;'
}

healthy()
{
    curl -sf --cacert "$state/certs/ca.crt" -o /dev/null \
        "$(url_of "$1")/api/v1/health"
}

# --- watching

# What ended is started again: at once the first time, then ever later.
restart()
{
    local name=$1 pause=0
    if [ $((SECONDS - daemon_since[$name])) -gt 60 ]; then
        daemon_failures[$name]=0
    fi
    daemon_failures[$name]=$((${daemon_failures[$name]:-0} + 1))
    [ "${daemon_failures[$name]}" -le 1 ] ||
        pause=$((daemon_failures[$name] < 6 ? daemon_failures[$name] : 15))
    printf '%s %s ended; starting it again in %d s\n' \
        "$(date -u +%FT%TZ)" "$name" "$pause" >&2
    # In the background, so that a signal and the others are not kept waiting.
    sleep "$pause" 8>&- 9>&- &
    wait $! || true
    [ -z "$stopping" ] || return 0
    case $name in
    database) start_database ;;
    render-worker) start_worker ;;
    nginx) start_nginx ;;
    esac
}

watch()
{
    local name gone
    while [ -z "$stopping" ]; do
        gone=
        # Not in the shell's words, but in ours.
        wait -n -p gone "${daemon_pid[@]}" 2>/dev/null || true
        [ -z "$stopping" ] && [ -n "$gone" ] || continue
        for name in "${!daemon_pid[@]}"; do
            [ "${daemon_pid[$name]}" != "$gone" ] || restart "$name"
        done
    done
}

# stop_daemon NAME SECONDS: its own signal, then TERM, then KILL.
stop_daemon()
{
    local name=$1 pid=${daemon_pid[$1]:-} tries signal
    [ -n "$pid" ] || return 0
    for signal in "${daemon_stop[$name]}" TERM KILL; do
        kill -s "$signal" "$pid" 2>/dev/null || break
        tries=$(($2 * 20))
        while kill -0 "$pid" 2>/dev/null && [ $((tries -= 1)) -gt 0 ]; do
            sleep 0.05
        done
    done
    wait "$pid" 2>/dev/null || true
    unset "daemon_pid[$name]"
    rm -f "$state/run/$name.pid"
}

stop_all()
{
    trap '' INT TERM HUP
    # nginx drains what it answers, so the worker and the database stay.
    stop_daemon nginx 5
    stop_daemon render-worker 5
    stop_daemon database 20
    rm -f "$run/worker/render-worker.sock" "$state/run/ready" \
        "$state/run/supervisor.pid"
}
