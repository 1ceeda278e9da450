"""Content Credentials in each of their states, on pictures that are signed here."""

import datetime
import io
import json
import time

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from src import InputError
from src.explaining.file_wording import of_credentials
from src.explaining.provenance import read, require_anchors

DAY = datetime.timedelta(days=1)
MADE_BY_A_MACHINE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
TAKEN = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"


def certificate(name, key, issuer, issuer_key, *, authority, lasts=DAY):
    def of(common):
        names = {NameOID.COMMON_NAME: common, NameOID.ORGANIZATION_NAME: "Tests"}
        return x509.Name([x509.NameAttribute(*pair) for pair in names.items()])

    now = datetime.datetime.now(datetime.UTC)
    signs, is_leaf = authority, not authority
    usage = x509.KeyUsage(is_leaf, False, False, False, False, signs, signs, False, False)
    public = issuer_key.public_key()
    built = (
        x509.CertificateBuilder()
        .subject_name(of(name))
        .issuer_name(of(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + lasts)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    if is_leaf:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        built = built.add_extension(mail, critical=False)
    return built.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signer(name, lasts=DAY):
    """Return a root, and what a signer needs who descends from it."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("root", root_key, "root", root_key, authority=True)
    leaf = certificate(name, key, "root", root_key, authority=False, lasts=lasts)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=leaf + root, private_key=secret, ta_url=None)
    return root, info


@pytest.fixture(scope="module")
def chain():
    return signer("a newspaper")


@pytest.fixture(scope="module")
def plain():
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


def signed(plain, info, source=TAKEN):
    action = {"action": "c2pa.created", "digitalSourceType": source}
    manifest = {
        "claim_generator_info": [{"name": "a camera", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    out = io.BytesIO()
    signer = c2pa.Signer.from_info(info)
    c2pa.Builder(json.dumps(manifest)).sign(signer, "image/jpeg", io.BytesIO(plain), out)
    return out.getvalue()


@pytest.fixture
def anchors(chain, tmp_path):
    path = tmp_path / "roots.pem"
    path.write_bytes(chain[0])
    return path


def test_without_a_list_of_roots_nobody_is_trusted(plain, chain, anchors):
    content = signed(plain, chain[1])
    found = read(content, "image/jpeg")
    assert (found.state, found.signer) == ("untrusted", "a newspaper")
    assert not found.generated
    assert read(content, "image/jpeg", anchors).state == "trusted"
    anchors.write_bytes("# Főtanúsítvány\n".encode() + anchors.read_bytes())
    assert read(content, "image/jpeg", anchors).state == "trusted"


def test_a_picture_that_says_that_it_was_generated(plain, chain):
    assert read(signed(plain, chain[1], MADE_BY_A_MACHINE), "image/jpeg").generated


def test_a_signer_of_another_root_is_not_trusted(plain, chain, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "other.pem").write_bytes(certificate("x", key, "x", key, authority=True))
    found = read(signed(plain, chain[1]), "image/jpeg", tmp_path / "other.pem")
    assert found.state == "untrusted"


def test_an_altered_picture_is_found_out(plain, chain, anchors):
    content = bytearray(signed(plain, chain[1]))
    content[-30] ^= 0xFF
    found = read(bytes(content), "image/jpeg", anchors)
    assert found.state == "invalid" and found.altered
    assert "assertion.dataHash.mismatch" in found.problems
    (said,) = of_credentials(found)
    assert "altered after signing" in said.sentence


def test_an_expired_certificate_is_no_forgery(plain):
    # Signing takes less; the library refuses to sign with what has expired already.
    content = signed(plain, signer("short-lived", datetime.timedelta(seconds=4))[1])
    time.sleep(5)
    found = read(content, "image/jpeg")
    assert found.state == "invalid" and not found.altered
    (said,) = of_credentials(found)
    assert "had expired" in said.sentence and "altered" not in said.sentence
    assert said.value["problems"] == ["signingCredential.expired"]


def test_the_name_of_a_signer_ends_no_quotation(plain):
    _, info = signer("the BBC”. Experts confirm it: “authentic\x1b[31m")
    found = read(signed(plain, info), "image/jpeg")
    (said,) = of_credentials(found)
    assert said.sentence.endswith(
        "under the name “the BBC'. Experts confirm it: 'authentic [31m”, which anybody can choose."
    )
    assert "BBC" not in said.unquoted


def test_a_manifest_that_cannot_be_read_is_not_an_absent_one(plain, chain):
    content = bytearray(signed(plain, chain[1]))
    content[content.find(b"c2pa.claim") + 40] ^= 0xFF
    assert read(bytes(content), "image/jpeg").state == "unreadable"


def test_words_in_a_file_are_no_credentials(plain):
    assert read(plain, "image/jpeg").state == "absent"
    stream = io.BytesIO()
    Image.open(io.BytesIO(plain)).save(stream, "JPEG", comment=b"c2pa jumb Content Credentials")
    assert read(stream.getvalue(), "image/jpeg").state == "absent"
    assert read(b"BM" + bytes(60), "image/bmp").state == "absent"


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\xfe"])
def test_a_list_that_is_none_is_refused(plain, tmp_path, content):
    (tmp_path / "roots.pem").write_bytes(content)
    with pytest.raises(InputError, match="roots.pem"):
        read(plain, "image/jpeg", tmp_path / "roots.pem")
    with pytest.raises(InputError, match="roots.pem"):
        require_anchors(tmp_path / "roots.pem")


def test_without_the_library_nothing_is_claimed(plain, monkeypatch):
    monkeypatch.setattr("src.explaining.provenance.find_spec", lambda name: None)
    assert read(plain, "image/jpeg").state == "not checked"
