"""Keys and signatures of TLS-DSK against values that OpenSSL exported from its own handshakes.

They come from `openssl s_client -keylogfile keys -keymatexport "client EAP encryption" -keymatexportlen 128` against
`openssl s_server`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sipauthctl.mechanisms.tls_dsk.key_log import KeyLog
from sipauthctl.mechanisms.tls_dsk.keys import prf, sign, signing_keys, verify


@dataclass(frozen=True)
class Exported:
    version: int
    suite: int
    client_random: str
    server_random: str
    master_secret: str
    material: str


TLS_1_2_SHA256 = Exported(
    0x0303,
    0x002F,
    "07925e0091f90a4f3836690c888cbeb28e2dc10bc6f1fd446626caf60991fed2",
    "1fc5fcfff10b69a9af698b33a4af6d4b6be07e2218919e29fa0977ee5a6ac258",
    "c5cdf6d4f05d5f19d280c869b8f87d8309b9c5ed2ec2dedea2041d6277a4d2b203de22b4e82de4d7c5dd9c3069aa7aeb",
    "2FE57EF80DA25D126098EA8971DD99BE0060303B15CFF451ACCAD2AF7C2A9F8A880DF65D8FA12989C63C4445F24A3531"
    "69AF232D81782AB53FA9EDEEED191CD3A4DE92BBD6CE4689B4363DA8C6377CF0A28552DFA6D860CFE931DE0C30C8B683"
    "37777A4A7CD85852F159B9C40DB7E636911B757B39A507744B799F371B4EDF4F",
)
TLS_1_2_SHA384 = Exported(
    0x0303,
    0xC030,
    "b3f8d67c09d8354b1b36f05e66d02affc08c9efc86d0f8e51b01b3a244988106",
    "eeab581b98d019301065455a2110e943ba9516cb485b3406d7f109f55a3e8fcd",
    "109663c053bb7360bb3f6083c3729587553aab2b2509827e7b964301735dc03986b77ba4f5e9f47da29ea516360e4f20",
    "75AD87F1B4B1AFDB966C05C4E237187C2A63B067C3DD1CB1660BDE4D38F50594382A337F7CE15261CB21307B678965B5"
    "B2FA6FD669E425A8A47C87E7EBFD6323D7262175A776B02D02CA2D98017C6A6D32A45C07949C2B1C66C691520AA49B2A"
    "0EA943CCBE602D9669CCB087BE2679068021288C930080C45DC2486C45DFFC53",
)
TLS_1_0 = Exported(
    0x0301,
    0x002F,
    "799b949e5df96605f3785ddca0c2438329b10c9c9ca6bae767b906f67f9d43ac",
    "88cabee880d03d22cc01974632322ebc691616c3a15df1dfcfb8b5b872bf6849",
    "2c9f9de72ed93723d6b1c90edbe5c6ba0009ceed2eaceb43725b11b898736e4cf1bade3fa27a32be98e8760cb605ddfc",
    "EB88C01D59638CE99FC144E177DA37CBC656915A8A8DF13A0E1BD978BCD4AB30C41C58727F513A00834188BE3F605D66"
    "B1752EBD45E0F5F9F80B659C01250690A8BCA48C3E2E1F515EC45CFA73B8FE7F013B0C18202778A6D9767650463D59E4"
    "BDDAF306DF1F29768EC445EB516D6B2BD906A6FABEFE0D98A672E49A390FF3A1",
)


def keys_of(exported: Exported) -> tuple[bytes, bytes]:
    keys = signing_keys(
        bytes.fromhex(exported.master_secret),
        bytes.fromhex(exported.client_random),
        bytes.fromhex(exported.server_random),
        version=exported.version,
        suite=exported.suite,
    )
    assert keys is not None
    return keys.client, keys.server


@pytest.mark.parametrize("exported", [TLS_1_2_SHA256, TLS_1_2_SHA384, TLS_1_0])
def test_the_keys_are_the_third_and_the_last_quarter_of_what_openssl_exports(exported: Exported) -> None:
    material = bytes.fromhex(exported.material)
    assert keys_of(exported) == (material[64:96], material[96:])


def test_the_prf_of_tls_1_2() -> None:
    """The test vector that the TLS working group published for the PRF with SHA-256."""
    output = prf(
        bytes.fromhex("9bbe436ba940f017b17652849a71db35"),
        b"test label",
        bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c"),
        100,
        "sha256",
    )
    assert output.hex() == (
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7"
        "077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"
    )


def test_tls_1_3_and_unknown_suites_have_no_known_keys() -> None:
    for version, suite in ((0x0304, 0x1301), (0x0303, 0xFEFE), (0x0300, 0x0005)):
        assert signing_keys(b"s" * 48, b"c" * 32, b"r" * 32, version=version, suite=suite) is None


@pytest.mark.parametrize(("hash_name", "size"), [("md5", 16), ("sha1", 20), ("sha256", 32), ("sha384", 48)])
def test_the_length_of_a_signature_tells_its_hash(hash_name: str, size: int) -> None:
    signature = sign(b"k" * 32, b"<TLS-DSK>", hash_name)
    assert len(signature) == size
    assert verify(b"k" * 32, b"<TLS-DSK>", signature)
    assert not verify(b"k" * 32, b"<TLS-DSk>", signature)
    assert not verify(b"K" * 32, b"<TLS-DSK>", signature)
    assert not verify(b"k" * 32, b"<TLS-DSK>", signature[:-1])


def test_hmac_sha1_as_rfc_2202_has_it() -> None:
    assert sign(b"Jefe", b"what do ya want for nothing?", "sha1").hex() == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"


def test_a_key_log_gives_master_secrets_and_passes_over_the_rest() -> None:
    random, secret = TLS_1_0.client_random, TLS_1_0.master_secret
    lines = [
        b"# written by somebody\n",
        f"CLIENT_TRAFFIC_SECRET_0 {random} {secret}\n".encode(),
        f"CLIENT_RANDOM {random} {secret}\n".encode(),
        b"CLIENT_RANDOM 00 11\n",
        b"\xff\xfe\n",
    ]
    log = KeyLog(lines)
    assert log.master_secret(bytes.fromhex(random)) == bytes.fromhex(secret)
    assert log.master_secret(bytes(32)) is None
    assert secret not in repr(log)
