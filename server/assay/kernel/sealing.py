"""Secrets at rest: tokens and keys of other services, encrypted before they are stored.

Whoever holds the key of the installation can read them; stores, specifications of jobs and blobs
hold the sealed text alone.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from assay.kernel.errors import FailedPrecondition

FORMAT = "s1."  # of sealed text: AES-256-GCM, the nonce before the ciphertext, in base64url
KEY_FILE = "secrets-key"  # in the data folder
_KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True, kw_only=True)
class Sealer:
    """Authenticated encryption with one key; crosses into compute processes with their settings."""

    key: bytes = field(repr=False)  # 32 bytes

    @classmethod
    def of(cls, secret: str) -> Sealer:
        """Return the sealer of a secret text of any length."""
        derive = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"assay secrets")
        return cls(key=derive.derive(secret.encode()))

    @classmethod
    def of_folder(cls, folder: Path) -> Sealer:
        """Return the sealer of the key file in `folder`, which is made where there is none."""
        path = folder / KEY_FILE
        if not path.exists():
            _make_key(path)
        secret = path.read_text().strip()
        if len(secret) < _KEY_BYTES:
            raise FailedPrecondition(
                f"The file {KEY_FILE} in the data folder holds no key. Put it back from a backup; "
                "where no secrets are stored yet, delete it."
            )
        return cls.of(secret)

    def seal(self, secret: bytes) -> str:
        """Return the secret as text that tells nothing of it, another one each time."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + AESGCM(self.key).encrypt(nonce, secret, FORMAT.encode())
        return FORMAT + base64.urlsafe_b64encode(sealed).decode()

    def open(self, sealed: str) -> bytes:
        """Return what was sealed; FailedPrecondition unless it was sealed so with this key."""
        try:
            data = base64.urlsafe_b64decode(sealed.removeprefix(FORMAT).encode())
            if not sealed.startswith(FORMAT) or len(data) < _NONCE_BYTES:
                raise binascii.Error
            nonce, text = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            return AESGCM(self.key).decrypt(nonce, text, FORMAT.encode())
        except (binascii.Error, UnicodeEncodeError, InvalidTag):
            raise FailedPrecondition(
                "A stored secret cannot be read: it was sealed with another ASSAY_SECRETS_KEY. Set "
                "the former key on every server and runner, or send the secret anew."
            ) from None


def _make_key(path: Path) -> None:
    """Write a new key that only we can read; of several processes at once the first one wins."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=".secrets-", delete=True) as file:
        file.write(secrets.token_hex(_KEY_BYTES) + "\n")  # of mode 0600, as every temporary file
        file.flush()
        os.fsync(file.fileno())
        try:
            path.hardlink_to(file.name)
        except FileExistsError:
            return
