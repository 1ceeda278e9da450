import hashlib
import logging
import socket
import threading
import time

import keras
import numpy as np
import pytest
import tiny

from src import InputError
from src.detector import bundle, location, network, residuals
from src.training import weights


@pytest.fixture
def home(monkeypatch, tmp_path):
    """Return an empty home of Keras."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(weights, "_answers", lambda url: False)


@pytest.fixture(scope="module")
def trained():
    """Return a network whose backbone other networks shall start from."""
    model = network.build(tiny.NAME, image_size=32)
    tiny.randomise(model, 7)
    return model


@pytest.fixture(scope="module")
def body():
    """Return a bare backbone, as other people save it."""
    image = keras.Input((48, 48, 3))
    model = tiny.tiny(include_top=False, weights=None, input_tensor=image)
    rng = np.random.default_rng(1)
    for variable in model.variables:
        variable.assign(rng.uniform(0.1, 1.0, variable.shape))
    return model


def kernel(model, layer="last_conv"):
    return [np.array(w) for w in model.get_layer(layer).get_weights()]


def test_auto_without_network_warns_once_and_says_random(home, offline, caplog):
    with caplog.at_level(logging.WARNING, "src"):
        path, facts = weights.initial_weights("auto", "xception")
    assert path is None
    assert facts == {"kind": "random"}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for said in ("NO PRETRAINED WEIGHTS", "RANDOM", str(home), "--weights"):
        assert said in record.getMessage()
    assert len(record.getMessage().splitlines()) >= 5


@pytest.fixture
def starter(trained, make_card, tmp_path, monkeypatch):
    """Let a detector on the tiny backbone be the one that ships."""
    folder = tmp_path / "models" / "starter"
    folder.mkdir(parents=True)
    bundle.save(folder, network.probability(trained), make_card(name="tiny starter"))
    monkeypatch.setattr(location, "STARTER", folder)
    return folder


@pytest.fixture
def no_starter(monkeypatch, tmp_path):
    monkeypatch.setattr(location, "STARTER", tmp_path / "models" / "starter")


def test_auto_names_the_starter_and_does_not_take_it(home, offline, caplog, starter):
    with caplog.at_level(logging.WARNING, "src"):
        found = weights.initial_weights("auto", tiny.NAME)
    assert found == (None, {"kind": "random"})
    (record,) = caplog.records
    assert "--weights starter" in record.getMessage()
    assert "test images" in record.getMessage()


def test_starter_is_recorded_by_name_and_hash(starter, trained):
    path, facts = weights.initial_weights("starter", tiny.NAME)
    digest = hashlib.sha256((starter / "model.keras").read_bytes()).hexdigest()
    assert facts == {"kind": "starter", "name": "tiny starter", "sha256": digest}
    model = network.build(tiny.NAME, image_size=48, weights=path)
    body, wanted = network.backbone_layers(model), network.backbone_layers(trained)
    for layer, other in zip(body, wanted, strict=True):
        for found, kept in zip(layer.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(found, kept)


def test_starter_with_another_backbone(starter):
    with pytest.raises(InputError, match=r"backbone is tiny; give --backbone tiny"):
        weights.initial_weights("starter", "xception")


def test_an_xception_that_begins_with_the_starter_takes_its_table_too(starter, make_card):
    (starter / "card.json").write_text(make_card(backbone=residuals.NAME).to_json())
    assert weights.backbone_for("starter", "xception") == residuals.NAME
    assert weights.backbone_for("starter", "resnext50") == "resnext50"
    assert weights.backbone_for("none", "xception") == "xception"
    assert weights.backbone_for(str(starter / "model.keras"), "xception") == residuals.NAME
    assert weights.backbone_for(str(starter / "other.keras"), "xception") == "xception"


def test_starter_that_is_not_there(no_starter, home, offline, caplog):
    with pytest.raises(InputError, match=r"no starter in .*starter"):
        weights.initial_weights("starter", "xception")
    weights.initial_weights("auto", "xception")
    assert "--weights starter" not in caplog.text


def test_starter_without_its_network(starter):
    (starter / "model.keras").unlink()
    with pytest.raises(InputError, match=r"model\.keras is missing"):
        weights.initial_weights("starter", tiny.NAME)


def test_imagenet_without_network_is_an_error_that_names_the_place(home, offline):
    with pytest.raises(InputError) as caught:
        weights.initial_weights("imagenet", "xception")
    file = "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert str(home / "models" / file) in str(caught.value)
    assert "https://" in str(caught.value)


def test_none_asks_nobody(monkeypatch, caplog):
    monkeypatch.setattr(weights, "_answers", None)
    assert weights.initial_weights("none", "xception") == (None, {"kind": "random"})
    assert not caplog.records


@pytest.mark.parametrize("backbone", ["xception", "efficientnetv2-s"])
def test_cached_file_needs_no_connection(home, monkeypatch, backbone):
    monkeypatch.setattr(weights, "_answers", None)
    name = network.backbone(backbone).weights_url.rsplit("/", 1)[1]
    (home / "models").mkdir(parents=True)
    (home / "models" / name).write_bytes(b"weights")
    for wanted in ("auto", "imagenet"):
        path, facts = weights.initial_weights(wanted, backbone)
        assert path == home / "models" / name
        assert facts == {
            "kind": "imagenet",
            "name": name,
            "sha256": hashlib.sha256(b"weights").hexdigest(),
        }


@pytest.fixture
def silent_server():
    """Return the address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/weights.h5"


def test_server_that_hangs_is_given_up(silent_server, monkeypatch):
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.2)
    start = time.monotonic()
    assert not weights._answers(silent_server)
    assert time.monotonic() - start < 2


def test_server_that_speaks_something_else_is_no_answer(monkeypatch):
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail\r\n")

        threading.Thread(target=speak, daemon=True).start()
        assert not weights._answers(f"http://127.0.0.1:{server.getsockname()[1]}/x.h5")
    assert not failed


def test_name_server_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(weights.urllib.request, "urlopen", lambda *_, **__: time.sleep(3))
    start = time.monotonic()
    assert not weights._answers("https://weights.invalid/x.h5")
    assert time.monotonic() - start < 2


def test_server_that_refuses():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not weights._answers(f"http://127.0.0.1:{port}/x.h5")


@pytest.mark.parametrize("error", [Exception("URL fetch failure"), OSError("no space left")])
def test_download_that_breaks_off_is_an_input_error(home, monkeypatch, error):
    """Keras raises a plain `Exception` where a download fails."""

    def fail(**_options):
        raise error

    monkeypatch.setattr(weights, "_answers", lambda url: True)
    monkeypatch.setattr(keras.applications, "Xception", fail)
    with pytest.raises(InputError, match=str(error)):
        weights.imagenet_weights("xception")
    assert weights.initial_weights("auto", "xception") == (None, {"kind": "random"})


def test_download_that_stalls_is_given_up(home, monkeypatch, silent_server):
    monkeypatch.setattr(weights, "_answers", lambda url: True)
    monkeypatch.setattr(weights, "STALL_SECONDS", 0.2)

    def download(**_options):
        keras.utils.get_file("weights.h5", silent_server, cache_dir=str(home))

    monkeypatch.setattr(keras.applications, "Xception", download)
    before = socket.getdefaulttimeout()
    with pytest.raises(InputError, match="download"):
        weights.imagenet_weights("xception")
    assert socket.getdefaulttimeout() == before


def test_place_is_where_keras_itself_looks(python, tmp_path):
    """Of what Keras keeps no public function tells the folder; this asks it by a download."""
    home = tmp_path / "keras"
    home.mkdir()
    (tmp_path / "x.h5").write_bytes(b"weights")
    program = (
        "import keras; from src.training import weights\n"
        f"path = keras.utils.get_file('x.h5', {(tmp_path / 'x.h5').as_uri()!r},"
        " cache_subdir='models')\n"
        "print(path); print(weights._keras_home() / 'models' / 'x.h5')"
    )
    result = python("-c", program, KERAS_HOME=str(home))
    assert result.stdout.splitlines()[-2:] == [str(home / "models" / "x.h5")] * 2


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"no such file.*auto, imagenet, starter, none"):
        weights.initial_weights(str(tmp_path / "missing.h5"), "xception")


def test_file_is_recorded_with_its_hash(tmp_path):
    (tmp_path / "mine.h5").write_bytes(b"abc")
    path, facts = weights.initial_weights(str(tmp_path / "mine.h5"), "xception")
    assert path == tmp_path / "mine.h5"
    sha256 = hashlib.sha256(b"abc").hexdigest()
    assert facts == {"kind": "file", "name": "mine.h5", "sha256": sha256}


@pytest.mark.parametrize("name", ["body.h5", "body.weights.h5"])
def test_weights_of_a_bare_backbone_load(body, tmp_path, name):
    body.save_weights(tmp_path / name) if ".weights" in name else legacy(body, tmp_path / name)
    model = network.build(tiny.NAME, image_size=32, weights=tmp_path / name)
    for layer in ("stem_conv", "stem_bn", "shortcut_conv", "last_conv", "last_bn"):
        for found, wanted in zip(kernel(model, layer), kernel(body, layer), strict=True):
            np.testing.assert_array_equal(found, wanted)


def legacy(model, path):
    """Write weights in the format of Keras 2, in which ImageNet weights come."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def test_a_bundle_loads_at_another_size_and_with_its_head(trained, tmp_path):
    network.probability(trained).save(tmp_path / "model.keras")
    model = network.build(tiny.NAME, image_size=48, weights=tmp_path / "model.keras")
    for found, wanted in zip(kernel(model), kernel(trained), strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(
        kernel(model, network.HIDDEN)[0], kernel(trained, network.HIDDEN)[0]
    )


def stranger():
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, name="stem_conv")(image)
    return keras.Model(image, keras.layers.BatchNormalization(name="stem_bn")(x))


@pytest.mark.parametrize("name", ["x.h5", "x.weights.h5", "x.keras"])
def test_weights_of_another_network(tmp_path, name):
    path = tmp_path / name
    if name == "x.keras":
        stranger().save(path)
    elif name == "x.h5":
        legacy(stranger(), path)
    else:
        stranger().save_weights(path)
    with pytest.raises(InputError, match=name):
        network.build(tiny.NAME, image_size=32, weights=path)


@pytest.mark.parametrize("name", ["x.h5", "x.weights.h5", "x.keras", "x.bin", "x"])
@pytest.mark.parametrize("content", [b"", b"no weights at all" * 99, b"PK\x03\x04half a zip"])
def test_garbage(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name) as caught:
        network.build(tiny.NAME, image_size=32, weights=tmp_path / name)
    assert "\n" not in str(caught.value)


def test_half_a_file(body, trained, tmp_path):
    body.save_weights(tmp_path / "x.weights.h5")
    network.probability(trained).save(tmp_path / "x.keras")
    for path in sorted(tmp_path.iterdir()):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(InputError, match=path.name):
            network.build(tiny.NAME, image_size=32, weights=path)


def test_file_with_a_flipped_bit(trained, tmp_path):
    path = tmp_path / "x.keras"
    network.probability(trained).save(path)
    data = bytearray(path.read_bytes())
    data[-len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=path.name):
        network.build(tiny.NAME, image_size=32, weights=path)
