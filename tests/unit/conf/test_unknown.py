# SPDX-License-Identifier: Apache-2.0
"""Each unknown group or option is reported in one line, except those of other programs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.conf import obsolete, opts, unknown
from tests.compat.deployers import DEPLOYERS
from tests.unit.conf.test_samples import ETC, generate
from tests.unit.conftest import ReadConfig

Find = Callable[..., list[str]]

ACCOUNT = "[keystone_authtoken]\nauth_type = v3applicationcredential\napplication_credential_id = x\n"


def _find(*files: Path) -> list[str]:
    conf = cfg.ConfigOpts()
    opts.register_stores(conf)
    conf([word for file in files for word in ("--config-file", str(file))])
    return list(unknown.find_unknown(conf))


@pytest.fixture
def find(read_config: ReadConfig) -> Find:
    """Return a function that returns the lines reported for a file of this text, without their common part."""

    def _find(text: str, **options: bool) -> list[str]:
        conf = read_config(text, opts.register_stores)
        lines = list(unknown.find_unknown(conf, **options))
        assert "hunter2" not in "".join(lines)
        common = f" in {conf.config_file[0]} is unknown and ignored"
        assert all(common in line for line in lines)
        return [line.replace(common, ":") for line in lines]

    return _find


@pytest.mark.parametrize(
    ("group", "name", "meant"),
    [
        ("DEFAULT", "bind_prot", "bind_port"),
        ("DEFAULT", "bind-port", "bind_port"),
        ("DEFAULT", "logdri", "logdir"),
        ("storage", "drvier", "driver"),
        ("database", "conection", "connection"),
        ("elasticsearch", "host_s", "hosts"),
        ("centralized_scheduler", "enforce_trust", "enforce_trusts"),
        ("paste_deploy", "configfile", "config_file"),
        ("gunicorn", "max_request", "max_requests"),
        ("gunicorn", "worker_conections", "worker_connections"),
        ("oslo_policy", "polcy_file", "policy_file"),
        ("oslo_middleware", "enable_proxy_header_parsing", "enable_proxy_headers_parsing"),
        ("healthcheck", "backend", "backends"),
        ("keystone_authtoken", "memcache_server", "memcache_servers"),
        ("keystone_authtoken", "PASSWORD", "password"),
    ],
)
def test_misspelt_option_is_reported_with_the_similar_one(find: Find, group: str, name: str, meant: str) -> None:
    assert find(f"[{group}]\n{name} = hunter2\n") == [f"[{group}] {name}:; is it {meant}?"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("storgae", "storage"),
        ("databse", "database"),
        ("default", "DEFAULT"),
        ("keystone_authtokn", "keystone_authtoken"),
    ],
)
def test_misspelt_group_is_reported_with_the_similar_one(find: Find, name: str, meant: str) -> None:
    assert find(f"[{name}]\npassword = hunter2\n") == [f"[{name}]:, with all that is in it; is it [{meant}]?"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "[storage]\nbackend = elasticV2\n[elasticV2]\nindx = freezer\nindex = freezer\n",
            ["[elasticv2] indx:; is it index?"],
        ),
        (
            f"{ACCOUNT}aplication_credential_id = x\n",
            ["[keystone_authtoken] aplication_credential_id:; is it application_credential_id?"],
        ),
        ("[storage]\ncolour = hunter2\n[oslo_policy]\nenforce_scope = true\n", ["[storage] colour:"]),
    ],
    ids=["group that backend names", "auth plugin", "own group, not similar"],
)
def test_unknown_option_is_reported(find: Find, text: str, lines: list[str]) -> None:
    assert find(text) == lines


@pytest.mark.parametrize(
    "text",
    [
        ACCOUNT,
        "[keystone_authtoken]\nauth_section = Storages\n[storages]\nanything = hunter2\n",
        "[centralized_scheduler]\nauth_section = apis\n[apis]\nanything = hunter2\n",
        "[keystone_authtoken]\nauth_type = no_such\nuser-name = x\n",
        "[oslo_concurrency]\n[oslo_messaging_rabbit]\n[oslo_messaging_notifications]\n[cors.subdomain]\n[profiler]\n",
        "".join(f"[{option.group}]\n{option.name} = x\n" for option in obsolete.OPTIONS),
    ],
    ids=["auth plugin", "account", "scheduler account", "unknown plugin", "other programs", "obsolete"],
)
def test_known_options_and_other_programs_are_not_reported(find: Find, text: str) -> None:
    assert find(text) == []


def test_groups_of_libraries_can_be_left_out(find: Find) -> None:
    text = (
        "[oslo_policy]\npolcy_file = x\n[keystone_authtoken]\npasword = x\n[oslo_polcy]\n[storage]\ndrvier = x\n"
    )
    names = [line.partition(":")[0] for line in find(text, libraries=False)]
    assert names == ["[oslo_polcy]", "[storage] drvier"]


@pytest.mark.parametrize("file", sorted(DEPLOYERS.glob("*freezer*.conf")), ids=lambda file: file.name)
def test_deployers_files_have_no_unknown_options(file: Path) -> None:
    assert _find(file) == []


def test_every_option_of_the_sample_is_known(find: Find) -> None:
    # Generate the sample here, because the file in the tree has options that older libraries do not have.
    sample = generate("--config-file", str(ETC / "freezer-config-generator.conf"))
    set_all, number = re.subn(r"^#([\w-]+) = .*", r"\1 = 1", sample, flags=re.MULTILINE)
    assert number > 100
    assert find(set_all) == []


def test_every_file_is_inspected(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.conf", "b.conf")]
    for file in files:
        file.write_text("[storage]\ndrvier = x\n")
    expected = [f"[storage] drvier in {file} is unknown and ignored; is it driver?" for file in files]
    assert _find(*files) == expected


def test_namespaces_of_the_sample_are_known() -> None:
    text = (ETC / "freezer-config-generator.conf").read_text()
    named = {line.removeprefix("namespace = ") for line in text.splitlines() if line.startswith("namespace")}
    assert named <= unknown.NAMESPACES | set(unknown.LIBRARIES.values())
