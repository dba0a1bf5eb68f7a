#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# stack.sh PHASE...: run these phases of the plugin as devstack does, with the shell's trace (set -x).
set -o errexit -o nounset
declare -A GITREPO=([freezer-api]=https://git.example.org/freezer-api) GITBRANCH=([freezer-api]=main)
STUBS=$(cd "$(dirname "$0")" && pwd)
PLUGIN=$STUBS/../../devstack
# shellcheck source=tests/devstack/functions.sh
source "$STUBS/functions.sh"
for file in ${LOCALRC:-}; do
    # shellcheck source=/dev/null
    source "$file"
done
# shellcheck source=devstack/settings
source "$PLUGIN/settings"
set -o xtrace
for phase in "$@"; do
    # Two words are two arguments.
    # shellcheck source=devstack/plugin.sh disable=SC2086
    source "$PLUGIN/plugin.sh" $phase
    if [[ $- != *x* || $- != *e* || $- != *u* ]]; then
        die $LINENO "the options of the shell were changed: $-"
    fi
done
