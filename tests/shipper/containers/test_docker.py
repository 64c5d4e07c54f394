"""What Docker keeps of its containers, what paths say, and labels as fields."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.containers.docker import DockerFolder
from shipper.containers.known import DockerFacts, docker_fields
from shipper.containers.labels import dedotted, merged, nested
from shipper.containers.paths import LogPlace, place_of
from tests.shipper.containers.recorded import LABELS, NOISE, ORDERS, container, docker_folder

ID = "0123456789abcdef" * 4
UID = "5c1a1b9e-8d0b-4d5c-9a52-0d0d5a0f2c11"


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "place"),
        [
            (f"/var/lib/docker/containers/{ID}/{ID}-json.log", LogPlace(ID)),
            (f"/mnt/docker/{ID}/{ID}-json.log.1", LogPlace(ID)),
            (f"/var/log/containers/orders-7c9_shop_app-{ID}.log", LogPlace(ID, "shop", "orders-7c9", "", "app")),
            (f"/var/log/pods/shop_orders-7c9_{UID}/app/0.log", LogPlace("", "shop", "orders-7c9", UID, "app")),
            (
                f"/var/log/pods/shop_orders-7c9_{UID}/app/0.log.20261128-1",
                LogPlace("", "shop", "orders-7c9", UID, "app"),
            ),
            (f"/var/lib/kubelet/pods/{UID}/volumes/kubernetes.io~empty-dir/logs/a.log", LogPlace(uid=UID)),
            ("/var/log/orders.log", LogPlace()),
            ("/var/log/pods/odd/app/0.log", LogPlace()),
        ],
    )
    def test_each_form(self, path: str, place: LogPlace) -> None:
        assert place_of(path) == place
        assert bool(place) == (place != LogPlace())

    def test_links_of_the_kubelet_lead_on(self, tmp_path: Path) -> None:
        """A link in /var/log/containers, over one in /var/log/pods, to Docker's file: each knows some of it."""
        docker = tmp_path / "docker/containers" / ID / f"{ID}-json.log"
        pod = tmp_path / f"pods/shop_orders_{UID}/app/0.log"
        link = tmp_path / f"log/containers/orders_shop_app-{ID}.log"
        for path in (docker, pod, link):
            path.parent.mkdir(parents=True)
        docker.write_text("")
        pod.symlink_to(docker)
        link.symlink_to(pod)
        assert place_of(str(pod)) == LogPlace(ID, "shop", "orders", UID, "app")
        assert place_of(str(link)).container_id == ID
        link.unlink()
        pod.unlink()
        pod.write_text("")
        link.symlink_to(pod)
        assert place_of(str(link)) == LogPlace(ID, "shop", "orders", UID, "app")

    @given(st.text())
    def test_any_path_has_an_answer(self, path: str) -> None:
        assert isinstance(place_of(path.replace("\0", "")), LogPlace)


class TestDockerFolder:
    def test_a_real_engine_s(self, tmp_path: Path) -> None:
        folder = DockerFolder(str(docker_folder(tmp_path)))
        noise, orders = folder.containers()
        assert (orders.id, orders.name, orders.image) == (ORDERS, "orders-1", "shop/orders:1.4.2")
        assert (noise.id, noise.name) == (NOISE, "noise")
        assert docker_fields(orders, dedot=True) == {
            "id": ORDERS, "name": "orders-1", "image": {"name": "shop/orders:1.4.2"}, "labels": LABELS,
        }  # fmt: skip
        assert folder.starting_with(ORDERS[:12]) == orders
        assert folder.starting_with("") is None

    def test_what_is_written_anew_is_read_anew(self, tmp_path: Path) -> None:
        folder = DockerFolder(str(tmp_path))
        one = container(tmp_path, 1, [], {"a": "1"})
        assert folder.containers()[0].labels == {"a": "1"}
        described = tmp_path / one / "config.v2.json"
        (tmp_path / "new").write_text(described.read_text().replace('"a": "1"', '"a": "22"'))
        (tmp_path / "new").rename(described)
        assert folder.containers()[0].labels == {"a": "22"}

    def test_one_that_is_gone_is_known_until_it_is_looked_for(self, tmp_path: Path) -> None:
        folder = DockerFolder(str(tmp_path))
        one = container(tmp_path, 1, [], {})
        facts = DockerFacts(folder)
        path = f"{tmp_path}/{one}/{one}-json.log"
        assert facts.of(path).sources == 1
        for file in (tmp_path / one).iterdir():
            file.unlink()
        (tmp_path / one).rmdir()
        assert facts.of(path).sources == 1
        assert folder.containers() == []
        assert facts.of(path).fields == {"container": {"id": one}}

    @pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"ID": 5}', b'{"Name": "x"}', b"\xff\xfe"])
    def test_what_is_none_is_said_once(self, tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / ID).mkdir()
        (tmp_path / ID / "config.v2.json").write_bytes(text)
        folder = DockerFolder(str(tmp_path))
        with caplog.at_level(logging.WARNING):
            assert folder.containers() == folder.containers() == []
        assert len(caplog.records) == 1
        assert str(tmp_path / ID) in caplog.text

    def test_other_folders_are_none(self, tmp_path: Path) -> None:
        (tmp_path / "../x").mkdir(exist_ok=True)
        folder = DockerFolder(str(tmp_path))
        assert folder.container("../x") is None
        assert DockerFolder(str(tmp_path / "none")).containers() == []

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_what_must_not_be_read_is_said(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / container(tmp_path, 1, [], {}) / "config.v2.json").chmod(0)
        assert DockerFolder(str(tmp_path)).containers() == []
        assert "permission denied" in caplog.text


class TestLabels:
    def test_dots_become_underscores_or_objects(self) -> None:
        labels = {"app": "a", "app.kubernetes.io/name": "b", "x.y": "1", "x.y.z": "2"}
        assert dedotted(labels) == {"app": "a", "app_kubernetes_io/name": "b", "x_y": "1", "x_y_z": "2"}
        assert nested(labels) == {
            "app": {"value": "a", "kubernetes": {"io/name": "b"}}, "x": {"y": {"value": "1", "z": "2"}},
        }  # fmt: skip

    @given(st.dictionaries(st.text("ab.", min_size=1, max_size=6), st.text(max_size=3)))
    def test_no_label_is_lost(self, labels: dict[str, str]) -> None:
        found = list(_leaves(nested(labels)))
        assert sorted(found) == sorted(labels.values())

    def test_merging_changes_neither(self) -> None:
        one, other = {"a": {"b": 1}}, {"a": {"c": 2}}
        assert merged(one, other) == {"a": {"b": 1, "c": 2}}
        assert (one, other) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def _leaves(value: object) -> list[str]:
    if isinstance(value, dict):
        return [leaf for below in value.values() for leaf in _leaves(below)]
    assert isinstance(value, str)
    return [value]
