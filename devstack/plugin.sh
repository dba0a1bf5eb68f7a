# SPDX-License-Identifier: Apache-2.0
# Installs and runs the Freezer API in devstack.
#
# devstack sources this file once per phase: stack (with a second word), unstack
# and clean. The functions are in lib/freezer-api.
#
# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

# shellcheck shell=bash

if is_service_enabled freezer-api; then
    # Use the library beside this file, not the one in FREEZER_API_DIR, which may be another version.
    # shellcheck source=devstack/lib/freezer-api
    source "$(dirname "${BASH_SOURCE[0]}")/lib/freezer-api"

    case "${1:-} ${2:-}" in
        "stack pre-install")
            check_freezer_api_settings
            ;;
        "stack install")
            echo_summary "Installing the Freezer API"
            install_freezer_api
            ;;
        "stack post-config")
            echo_summary "Configuring the Freezer API"
            configure_freezer_api
            create_freezer_api_accounts
            ;;
        "stack extra")
            echo_summary "Starting the Freezer API"
            init_freezer_api
            start_freezer_api
            install_freezerclient
            ;;
        "unstack "*)
            stop_freezer_api
            ;;
        "clean "*)
            cleanup_freezer_api
            ;;
    esac
fi
