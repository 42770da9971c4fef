"""Testinfra tests of the web image: https://testinfra.readthedocs.io/"""

from __future__ import annotations

from testinfra.host import Host


def test_nginx_comes_from_debian_and_needs_no_python(host: Host) -> None:
    assert host.package("nginx").is_installed
    assert not host.package("python3").is_installed


def test_the_configuration_belongs_to_root_and_names_no_path_that_is_read_only(host: Host) -> None:
    config = host.file("/etc/nginx/nginx.conf")
    assert (config.user, config.mode) == ("root", 0o644)
    assert config.contains("pid /tmp/nginx.pid;")
    assert not config.contains("/var/log/nginx")


def test_what_it_serves_cannot_be_changed_by_it(host: Host) -> None:
    assert host.run("setpriv --reuid=33 --regid=33 --clear-groups test -w /var/www/html/index.html").rc == 1
