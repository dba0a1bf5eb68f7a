# SPDX-License-Identifier: Apache-2.0
"""`make bench`: what requests cost, beside a Falcon hello-world under the same server and the bare SQL."""
