"""What nobody knows in a configuration file: one line for each, and none for what another program may know."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.conf import obsolete, opts, reading, unknown
from tests.unit.test_samples import made

ROOT = Path(__file__).parents[2]
DEPLOYERS = sorted((ROOT / "tests/compat/deployers").glob("*freezer*.conf"))

Told = Callable[[str], list[str]]


def in_use(*files: Path) -> list[str]:
    conf = cfg.ConfigOpts()
    opts.register_stores(conf)
    conf([word for file in files for word in ("--config-file", str(file))])
    return list(unknown.find_unknown(conf))


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """What is said of a file with this text, in which a value is a secret."""

    def _told(text: str) -> list[str]:
        file = tmp_path / "freezer.conf"
        file.write_text(text)
        lines = in_use(file)
        assert "hunter2" not in "".join(lines)
        assert all(f" in {file} is unknown and ignored" in line for line in lines)
        return [line.replace(f" in {file} is unknown and ignored", ":") for line in lines]

    return _told


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
def test_a_misspelt_option(told: Told, group: str, name: str, meant: str) -> None:
    assert told(f"[{group}]\n{name} = hunter2\n") == [f"[{group}] {name}:; is it {meant}?"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("storgae", "storage"),
        ("databse", "database"),
        ("default", "DEFAULT"),
        ("keystone_authtokn", "keystone_authtoken"),
    ],
)
def test_a_misspelt_group(told: Told, name: str, meant: str) -> None:
    assert told(f"[{name}]\npassword = hunter2\n") == [f"[{name}]:, with all that is in it; is it [{meant}]?"]


def test_groups_of_libraries_are_for_who_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "freezer.conf"
    file.write_text(
        "[oslo_policy]\npolcy_file = x\n[keystone_authtoken]\npasword = x\n[oslo_polcy]\n[storage]\ndrvier = x\n"
    )
    conf = cfg.ConfigOpts()
    opts.register_stores(conf)
    conf(["--config-file", str(file)])
    assert [line.partition(" in ")[0] for line in unknown.find_unknown(conf, libraries=False)] == [
        "[oslo_polcy]",
        "[storage] drvier",
    ]


def test_what_resembles_nothing_is_told_of_our_own_groups(told: Told) -> None:
    assert told("[storage]\ncolour = hunter2\n[oslo_policy]\nenforce_scope = true\n") == ["[storage] colour:"]


def test_groups_that_options_name(told: Told) -> None:
    store = "[storage]\nbackend = elasticV2\n[elasticV2]\nindx = freezer\nindex = freezer\n"
    assert told(store) == ["[elasticv2] indx:; is it index?"]
    account = "[keystone_authtoken]\nauth_section = Storages\n[storages]\nanything = hunter2\n"
    assert told(account) == []
    assert told("[centralized_scheduler]\nauth_section = apis\n[apis]\nanything = hunter2\n") == []


def test_options_of_the_plugin_that_is_named(told: Told) -> None:
    text = "[keystone_authtoken]\nauth_type = v3applicationcredential\napplication_credential_id = x\n"
    assert told(text) == []
    assert told(f"{text}aplication_credential_id = x\n") == [
        "[keystone_authtoken] aplication_credential_id:; is it application_credential_id?"
    ]
    assert told("[keystone_authtoken]\nauth_type = no_such\nuser-name = x\n") == []


def test_nothing_is_said_of_other_programs_groups(told: Told) -> None:
    others = (
        "oslo_concurrency",
        "oslo_messaging_rabbit",
        "oslo_messaging_notifications",
        "cors.subdomain",
        "profiler",
    )
    assert told("".join(f"[{group}]\nlock_path = x\n" for group in others)) == []


def test_nothing_is_said_of_old_names(told: Told) -> None:
    assert told("".join(f"[{option.group}]\n{option.name} = x\n" for option in obsolete.OPTIONS)) == []


@pytest.mark.parametrize("file", DEPLOYERS, ids=lambda file: file.name)
def test_nothing_is_said_of_deployers_files(file: Path) -> None:
    assert in_use(file) == []


def test_nothing_is_said_of_the_sample(told: Told) -> None:
    # Made anew: the one in the tree has options that older libraries do not know.
    sample = made("--config-file", str(ROOT / "etc/freezer/freezer-config-generator.conf"))
    set_all, number = re.subn(r"^#([\w-]+) = .*", r"\1 = 1", sample, flags=re.MULTILINE)
    assert number > 100
    assert told(set_all) == []


def test_every_file_is_named(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.conf", "b.conf")]
    for file in files:
        file.write_text("[storage]\ndrvier = x\n")
    assert in_use(*files) == [
        f"[storage] drvier in {file} is unknown and ignored; is it driver?" for file in files
    ]


def test_namespaces_of_the_sample_are_known() -> None:
    text = (ROOT / "etc/freezer/freezer-config-generator.conf").read_text()
    named = {line.removeprefix("namespace = ") for line in text.splitlines() if line.startswith("namespace")}
    assert named <= unknown.NAMESPACES | set(unknown.LIBRARIES.values())


def test_a_place_is_found_whatever_the_letters_of_its_group(tmp_path: Path) -> None:
    file = tmp_path / "freezer.conf"
    file.write_text("[Storage]\ndriver = x\n")
    conf = cfg.ConfigOpts()
    opts.register_stores(conf)
    conf(["--config-file", str(file)])
    assert reading.locate(conf, "storage", "driver") == f"[storage] driver in {file}"
