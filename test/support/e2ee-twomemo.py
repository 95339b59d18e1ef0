"""One OMEMO 2 device of python-twomemo, spoken to in JSON lines on stdin and stdout. For test/interop/e2ee-twomemo."""

import asyncio
import base64
import json
import sys

import x3dh
from omemo.session import Initiation
from omemo.storage import Just, Nothing, Storage
from twomemo.twomemo import (
    BundleImpl,
    ContentImpl,
    EncryptedKeyMaterialImpl,
    KeyExchangeImpl,
    Twomemo,
)

OWN = ("python@example.org", 4711)
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
        self.backend = Twomemo(MemoryStorage())
        self.session = None

    async def bundle(self, _):
        bundle = await self.backend.get_bundle(*OWN)
        return {
            "deviceId": OWN[1],
            "identityKey": pack(bundle.identity_key),
            "signedPrekeyId": bundle.signed_pre_key_id,
            "signedPrekey": pack(bundle.bundle.signed_pre_key),
            "signedPrekeySignature": pack(bundle.bundle.signed_pre_key_sig),
            "prekeys": [
                {"id": bundle.pre_key_ids[key], "key": pack(key)}
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
            self.session, encrypted = await self.backend.build_session_active(
                PEER,
                bundle["deviceId"],
                BundleImpl(
                    PEER,
                    bundle["deviceId"],
                    x3dh.Bundle(
                        unpack(bundle["identityKey"]),
                        unpack(bundle["signedPrekey"]),
                        unpack(bundle["signedPrekeySignature"]),
                        frozenset(unpack(prekey["key"]) for prekey in bundle["prekeys"]),
                    ),
                    bundle["signedPrekeyId"],
                    {unpack(prekey["key"]): prekey["id"] for prekey in bundle["prekeys"]},
                ),
                material,
            )
        else:
            encrypted = await self.backend.encrypt_key_material(self.session, material)
        data = encrypted.serialize()
        repeat = self.session.initiation is Initiation.ACTIVE and not self.session.confirmed
        if repeat:
            data = self.session.key_exchange.serialize(data)
        return {
            "keyExchange": repeat,
            "data": pack(data),
            "payload": None if content.empty else pack(content.ciphertext),
        }

    async def decrypt(self, request):
        data = unpack(request["data"])
        sender = request["senderDeviceId"]
        payload = request["payload"]
        if request["keyExchange"]:
            exchange, data = KeyExchangeImpl.parse(data)
            encrypted = EncryptedKeyMaterialImpl.parse(data, PEER, sender)
            if self.session is not None and self.session.key_exchange.builds_same_session(exchange):
                material = await self.backend.decrypt_key_material(self.session, encrypted)
            else:
                self.session, material = await self.backend.build_session_passive(
                    PEER, sender, exchange, encrypted
                )
        else:
            encrypted = EncryptedKeyMaterialImpl.parse(data, PEER, sender)
            material = await self.backend.decrypt_key_material(self.session, encrypted)
            self.session.confirm()
        if payload is None:
            empty = material.key == bytes(32) and material.auth_tag == b""
            return {"content": None, "empty": empty}
        content = ContentImpl(unpack(payload))
        return {"content": pack(await self.backend.decrypt_plaintext(content, material))}

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
