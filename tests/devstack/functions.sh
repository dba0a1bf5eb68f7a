# SPDX-License-Identifier: Apache-2.0
# The functions of devstack that the plugin calls, with the same signatures. Functions that affect more than files only
# record their call in $ROOT/calls: one line for each, with the arguments separated by tabs. SERVED, if set, is the
# process id of an Apache that serves the sites in $ROOT/apache2/sites-enabled.
#
# shellcheck shell=bash

function _called {
    local IFS=$'\t'
    printf '%s\n' "$*" >>"$ROOT/calls"
}

# --- functions-common

function sudo {
    "$@"
}

# Record the call, but do not change the accounts of this machine.
function usermod {
    _called usermod "$@"
}

function echo_summary {
    _called echo_summary "$@"
}

function warn {
    echo "[WARNING] ${BASH_SOURCE[1]}:$1 $2" >&2
}

function die {
    echo "[ERROR] ${BASH_SOURCE[1]}:$1 $2" >&2
    exit 1
}

function is_ubuntu {
    [[ "$DISTRIBUTION" == "ubuntu" ]]
}

function is_fedora {
    [[ "$DISTRIBUTION" == "fedora" ]]
}

function exit_distro_not_supported {
    die 0 "Support for $DISTRIBUTION is incomplete: no support for $*"
}

function define_plugin {
    :
}

function is_service_enabled {
    [[ ",$ENABLED_SERVICES," == *",$1,"* ]]
}

function enable_service {
    if [[ ",$DISABLED_SERVICES," != *",$1,"* ]]; then
        ENABLED_SERVICES+=",$1"
    fi
}

function git_clone {
    _called git_clone "$@"
}

function is_package_installed {
    [[ -e "$ROOT/packages/$1" ]]
}

# The argument is the name of a package or, as with apt-get and dnf, a file.
function install_package {
    _called install_package "$@"
    case "$1" in
        */elasticsearch-*) _install_elasticsearch "$1" ;;
    esac
}

function uninstall_package {
    _called uninstall_package "$@"
    rm -r "$ROOT/packages/$1" "$ELASTICSEARCH_HOME"
}

# dpkg, dpkg-query and rpm answer with the packages of the stack.
function dpkg {
    [[ "$1" == "--print-architecture" ]] && echo amd64
}

function dpkg-query {
    cat "$ROOT/packages/${!#}"
}

function rpm {
    cat "$ROOT/packages/${!#}"
}

function restart_service {
    _called restart_service "$@"
}

function stop_service {
    _called stop_service "$@"
}

# Start the process only if SERVED is set, and write its id to $ROOT/processes.
function run_process {
    _called run_process "$@"
    if [[ -n "${SERVED:-}" ]]; then
        # shellcheck disable=SC2086
        setsid $2 ${GLOBAL_VENV:+--venv "$DEVSTACK_VENV"} >>"$ROOT/$1.log" 2>&1 </dev/null &
        echo "$!" >"$ROOT/processes/$1"
    fi
}

function stop_process {
    _called stop_process "$@"
    if [[ -e "$ROOT/processes/$1" ]]; then
        kill "$(<"$ROOT/processes/$1")"
        rm "$ROOT/processes/$1"
    fi
}

# test_with_retry testcmd failmsg [until] [sleep]
function test_with_retry {
    _called test_with_retry "$@"
    if [[ -n "${SERVED:-}" ]]; then
        timeout "$3" sh -c "while ! $1; do sleep $4; done" || die 0 "$2"
    fi
}

function get_or_create_user {
    _called get_or_create_user "$@"
    echo "id-of-$1"
}

function get_or_create_service {
    _called get_or_create_service "$@"
}

function get_or_create_endpoint {
    _called get_or_create_endpoint "$@"
}

# --- inc/python

function get_python_exec_prefix {
    echo "$BIN"
}

function setup_develop {
    _called setup_develop "$@"
}

# --- inc/ini-config

# iniset file section option value: replaces the option, or inserts it at the beginning of the section; creates
# makes the section and the file when they are missing.
function iniset {
    local xtrace
    xtrace=$(set +o | grep xtrace)
    set +o xtrace
    local text
    touch "$1"
    text=$(SECTION="[$2]" OPTION=$3 VALUE=$4 awk '
        BEGIN { section = ENVIRON["SECTION"]; line = ENVIRON["OPTION"] " = " ENVIRON["VALUE"] }
        FNR == 1 { pass++; inside = 0 }
        /^\[/ { inside = ($0 == section); seen = seen || inside }
        { ours = inside && $0 ~ "^" ENVIRON["OPTION"] "[ \t]*=" }
        pass == 1 { there = there || ours; next }
        { print ours ? line : $0 }
        $0 == section && !there { print line }
        END { if (!seen) printf "\n%s\n%s\n", section, line }
    ' "$1" "$1")
    printf '%s\n' "$text" >"$1"
    $xtrace
}

# --- lib/keystone

function configure_keystone_authtoken_middleware {
    local section=${3:-keystone_authtoken}
    iniset "$1" "$section" auth_type password
    iniset "$1" "$section" interface public
    iniset "$1" "$section" auth_url "$KEYSTONE_SERVICE_URI"
    iniset "$1" "$section" username "$2"
    iniset "$1" "$section" password "$SERVICE_PASSWORD"
    iniset "$1" "$section" user_domain_name "$SERVICE_DOMAIN_NAME"
    iniset "$1" "$section" project_name "$SERVICE_PROJECT_NAME"
    iniset "$1" "$section" project_domain_name "$SERVICE_DOMAIN_NAME"
}

function create_service_user {
    _called create_service_user "$@"
    get_or_create_user "$1" "$SERVICE_PASSWORD" "$SERVICE_DOMAIN_NAME"
}

# --- lib/database

function database_connection_url {
    echo "${DATABASE_URL/DATABASE/$1}"
}

function recreate_database {
    _called recreate_database "$@"
    # devstack's version of this function passes the password to a program as an argument.
    : "-p$DATABASE_PASSWORD"
    if [[ "$DATABASE_URL" == sqlite* ]]; then
        local url=${DATABASE_URL/DATABASE/$1}
        rm -f "${url#sqlite:///}"
    fi
}

# --- lib/apache

function install_apache_wsgi {
    _called install_apache_wsgi "$@"
}

function install_apache_uwsgi {
    _called install_apache_uwsgi "$@"
}

function apache_site_config_for {
    echo "$APACHE_CONF_DIR/$1.conf"
}

function enable_apache_site {
    _called enable_apache_site "$@"
    ln -sf "$APACHE_CONF_DIR/$1.conf" "$ROOT/apache2/sites-enabled/$1.conf"
}

function disable_apache_site {
    _called disable_apache_site "$@"
    rm -f "$ROOT/apache2/sites-enabled/$1.conf"
}

function restart_apache_server {
    _called restart_apache_server
    if [[ -n "${SERVED:-}" ]]; then
        kill -HUP "$SERVED"
    fi
}

# --- Elasticsearch's package: its tool for users, its certificate, and the password that it prints

function _install_elasticsearch {
    local version=${1##*/elasticsearch-}
    echo "The generated password for the elastic built-in superuser is : $ELASTIC_PASSWORD"
    install -d -m 0750 "$ELASTICSEARCH_CONF_DIR" "$ELASTICSEARCH_CONF_DIR/certs"
    mkdir -p "$ELASTICSEARCH_CONF_DIR/jvm.options.d" "$ELASTICSEARCH_HOME/bin" "$ELASTICSEARCH_DATA_DIR" \
        "$ELASTICSEARCH_LOG_DIR"
    install -m 0660 "$CA" "$ELASTICSEARCH_CONF_DIR/certs/http_ca.crt" || return
    ln -sf "$STUBS/elasticsearch-users" "$ELASTICSEARCH_HOME/bin/elasticsearch-users"
    printf '%s' "${version%%-*}" >"$ROOT/packages/elasticsearch"
}
