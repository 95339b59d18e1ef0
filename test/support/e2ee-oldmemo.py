"""A legacy OMEMO device of python-oldmemo, spoken to in JSON lines on stdin and stdout. For the interop tests."""

import asyncio
import base64
import json
import sys

import x3dh
import xeddsa
from oldmemo.oldmemo import (
    BundleImpl,
    ContentImpl,
    EncryptedKeyMaterialImpl,
    KeyExchangeImpl,
    Oldmemo,
    StateImpl,
)
from omemo.session import Initiation
from omemo.storage import Just, Nothing, Storage

OWN = ("python@example.org", 4712)
PEER = "peer@example.org"


class MemoryStorage(Storage):
    def __init__(self):
        super().__init__(True)
        self.values = {}

    async def _load(self, key):
        return Just(self.values[key]) if key in self.values else Nothing()

    async def _store(self, key, value):
        self.values[key] = value

    async def _delete(self, key):
        self.values.pop(key, None)


def pack(data):
    return base64.b64encode(data).decode("ascii")


def unpack(text):
    return base64.b64decode(text)


class Device:
    def __init__(self):
        self.storage = MemoryStorage()
        self.backend = Oldmemo(self.storage)
        self.session = None
        self.peer_device = None

    async def bundle(self, _):
        """As the XML has it: 33-byte keys, the sign bit of the identity key in the signature."""
        bundle = await self.backend.get_bundle(*OWN)
        identity = bundle.bundle.identity_key
        signature = bytearray(bundle.bundle.signed_pre_key_sig)
        signature[63] |= identity[31] & 0x80
        curve = xeddsa.ed25519_pub_to_curve25519_pub(identity)
        return {
            "deviceId": OWN[1],
            "identityKey": pack(StateImpl.serialize_public_key(curve)),
            "signedPrekeyId": bundle.signed_pre_key_id,
            "signedPrekey": pack(StateImpl.serialize_public_key(bundle.bundle.signed_pre_key)),
            "signedPrekeySignature": pack(bytes(signature)),
            "prekeys": [
                {"id": bundle.pre_key_ids[key], "key": pack(StateImpl.serialize_public_key(key))}
                for key in bundle.bundle.pre_keys
            ],
        }

    async def encrypt(self, request):
        """Starts a session when the request brings a bundle."""
        content, material = (
            await self.backend.encrypt_empty()
            if request["content"] is None
            else await self.backend.encrypt_plaintext(unpack(request["content"]))
        )
        bundle = request.get("bundle")
        if bundle is not None:
            signature = bytearray(unpack(bundle["signedPrekeySignature"]))
            sign_bit = bool(signature[63] & 0x80)
            signature[63] &= 0x7F
            curve = StateImpl.parse_public_key(unpack(bundle["identityKey"]))
            prekeys = {
                StateImpl.parse_public_key(unpack(prekey["key"])): prekey["id"]
                for prekey in bundle["prekeys"]
            }
            self.peer_device = bundle["deviceId"]
            self.session, encrypted = await self.backend.build_session_active(
                PEER,
                bundle["deviceId"],
                BundleImpl(
                    PEER,
                    bundle["deviceId"],
                    x3dh.Bundle(
                        xeddsa.curve25519_pub_to_ed25519_pub(curve, sign_bit),
                        StateImpl.parse_public_key(unpack(bundle["signedPrekey"])),
                        bytes(signature),
                        frozenset(prekeys),
                    ),
                    bundle["signedPrekeyId"],
                    prekeys,
                ),
                material,
            )
        else:
            encrypted = await self.backend.encrypt_key_material(self.session, material)
        data = encrypted.serialize()
        repeat = self.session.initiation is Initiation.ACTIVE and not self.session.confirmed
        if repeat:
            data, _ = self.session.key_exchange.serialize(data)
        return {
            "keyExchange": repeat,
            "data": pack(data),
            "iv": pack(content.initialization_vector),
            "payload": None if content.empty else pack(content.ciphertext),
        }

    async def decrypt(self, request):
        data = unpack(request["data"])
        sender = request["senderDeviceId"]
        payload = request["payload"]
        if request["keyExchange"]:
            exchange, data = KeyExchangeImpl.parse(data, False)
            encrypted = EncryptedKeyMaterialImpl.parse(data, PEER, sender)
            if self.session is not None and self.session.key_exchange.builds_same_session(exchange):
                material = await self.backend.decrypt_key_material(self.session, encrypted)
            else:
                self.session, material = await self.backend.build_session_passive(
                    PEER, sender, exchange, encrypted
                )
                self.peer_device = sender
        else:
            encrypted = EncryptedKeyMaterialImpl.parse(data, PEER, sender)
            material = await self.backend.decrypt_key_material(self.session, encrypted)
            self.session.confirm()
        if payload is None:
            return {"content": None, "keyBytes": len(material.key + material.auth_tag)}
        content = ContentImpl(unpack(payload), unpack(request["iv"]))
        return {"content": pack(await self.backend.decrypt_plaintext(content, material))}

    async def restart(self, _):
        """Everything from storage, as a new process would have it."""
        if self.session is not None:
            await self.backend.store_session(self.session)
        self.backend = Oldmemo(self.storage)
        if self.session is not None:
            self.session = await self.backend.load_session(PEER, self.peer_device)
        return {"loaded": self.session is not None}

    async def forget(self, _):
        """The session is gone, as after a restored old backup."""
        self.session = None
        return {}

    async def rotate(self, _):
        await self.backend.rotate_signed_pre_key()
        return {}


async def main():
    device = Device()
    await device.backend.generate_pre_keys(100)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": True, "value": await getattr(device, request["call"])(request)}
        except Exception as error:  # whatever it is, the test decides what it means
            answer = {"ok": False, "error": type(error).__name__ + ": " + str(error)}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
