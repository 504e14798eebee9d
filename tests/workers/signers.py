"""Makes somebody who may sign: an authority that vouches for itself, a certificate of it, and a key.

`cryptography` is imported by the call only: tests that need it skip where it is not installed.
"""

import datetime
from pathlib import Path
from typing import Any

from giornata.jobs.planning.validate import Signing


def signer(folder: Path) -> Signing:
    """A chain and its key as PEM files in `folder`; nobody else trusts it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("Authority", authority_key, None)
    signer = _certificate("Signer", key, (authority, authority_key))
    pem = serialization.Encoding.PEM
    (folder / "chain.pem").write_bytes(signer.public_bytes(pem) + authority.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Signing(folder / "chain.pem", folder / "key.pem")


def _certificate(name: str, key: Any, issuer: tuple[Any, Any] | None) -> Any:
    """One certificate; without an issuer it is an authority that vouches for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    words = ((NameOID.ORGANIZATION_NAME, "Test"), (NameOID.COMMON_NAME, name))
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in words])
    authority, authority_key = issuer or (None, key)
    vouched = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(vouched, critical=False)
        .add_extension(_usage(sign=issuer is not None), critical=True)
    )
    if issuer:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def _usage(*, sign: bool) -> Any:
    """What a key may do: sign, or vouch for others."""
    from cryptography import x509

    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = dict.fromkeys((*names, "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=sign, key_cert_sign=not sign, **others)
