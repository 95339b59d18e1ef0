"""
OMEMO devices of python-omemo, each in one or both versions (python-twomemo, python-oldmemo), for the interop tests: the
session manager that others wrote, with their reading and writing of the XML. It speaks JSON lines. On stdin come calls
{"id", "device", "call", ...} and answers {"answer", "value"}; on stdout go results {"id", "ok", "value" | "error"} and
questions {"ask", "device", "what", ...} to whoever holds the network. What a device knows is in a file of its own, so
another process can go on with it.
"""

import asyncio
import base64
import contextvars
import itertools
import json
import logging
import os
import sys
import xml.etree.ElementTree as ET

import oldmemo
import oldmemo.etree
import omemo
import twomemo
import twomemo.etree
from omemo.storage import Just, Nothing, Storage

OLD = "eu.siacs.conversations.axolotl"
TWO = "urn:xmpp:omemo:2"
FORMATS = {OLD: oldmemo.etree, TWO: twomemo.etree}


def device_list_node(namespace):
    return TWO + ":devices" if namespace == TWO else OLD + ".devicelist"


def bundle_node(namespace, device_id):
    """The node and the item in it."""
    if namespace == TWO:
        return TWO + ":bundles", str(device_id)
    return f"{OLD}.bundles:{device_id}", "current"


class FileStorage(Storage):
    def __init__(self, path):
        super().__init__(True)
        self.path = path
        self.values = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.values = json.load(file)

    def save(self):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.values, file)
        os.replace(self.path + ".new", self.path)

    async def _load(self, key):
        return Just(self.values[key]) if key in self.values else Nothing()

    async def _store(self, key, value):
        self.values[key] = value

    async def _delete(self, key):
        self.values.pop(key, None)


class Network:
    """Questions to the process that started this one."""

    def __init__(self):
        self.numbers = itertools.count(1)
        self.waiting = {}

    async def ask(self, what, **parameters):
        number = next(self.numbers)
        answer = asyncio.get_running_loop().create_future()
        self.waiting[number] = answer
        print(json.dumps({"ask": number, "device": current.get(), "what": what, **parameters}), flush=True)
        return await answer

    def answered(self, number, value):
        self.waiting.pop(number).set_result(value)


network = Network()
# Whose call is being answered: the library asks the network in static methods.
current = contextvars.ContextVar("current")


class Manager(omemo.SessionManager):
    @staticmethod
    async def _upload_bundle(bundle):
        node, item = bundle_node(bundle.namespace, bundle.device_id)
        xml = ET.tostring(FORMATS[bundle.namespace].serialize_bundle(bundle), encoding="unicode")
        await network.ask("publish", node=node, item=item, many=bundle.namespace == TWO, xml=xml)

    @staticmethod
    async def _download_bundle(namespace, bare_jid, device_id):
        node, item = bundle_node(namespace, device_id)
        found = await network.ask("fetch", jid=bare_jid, node=node, item=item if namespace == TWO else None)
        if found is None:
            raise omemo.BundleNotFound(f"{node} of {bare_jid}")
        return FORMATS[namespace].parse_bundle(ET.fromstring(found), bare_jid, device_id)

    @staticmethod
    async def _delete_bundle(namespace, device_id):
        raise NotImplementedError

    @staticmethod
    async def _upload_device_list(namespace, device_list):
        xml = ET.tostring(FORMATS[namespace].serialize_device_list(device_list), encoding="unicode")
        await network.ask("publish", node=device_list_node(namespace), item="current", many=False, xml=xml)

    @staticmethod
    async def _download_device_list(namespace, bare_jid):
        found = await network.ask("fetch", jid=bare_jid, node=device_list_node(namespace), item=None)
        if found is None:
            return {}
        element = ET.fromstring(found)
        # The schema of the library wants at least one device.
        return {} if len(element) == 0 else FORMATS[namespace].parse_device_list(element)

    async def _evaluate_custom_trust_level(self, device):
        distrusted = device.trust_level_name == "distrusted"
        return omemo.TrustLevel.DISTRUSTED if distrusted else omemo.TrustLevel.TRUSTED

    async def _make_trust_decision(self, undecided, identifier):
        raise NotImplementedError

    @staticmethod
    async def _send_message(message, bare_jid):
        await network.ask("send", to=bare_jid, xml=Device.write(message))


class Device:
    def __init__(self):
        self.storage = None
        self.manager = None
        self.backends = []
        self.jid = ""

    @staticmethod
    def write(message):
        return ET.tostring(FORMATS[message.namespace].serialize_message(message), encoding="unicode")

    async def start(self, request):
        self.jid = request["jid"]
        self.storage = FileStorage(request["file"])
        make = {OLD: oldmemo.Oldmemo, TWO: twomemo.Twomemo}
        self.backends = [make[namespace](self.storage) for namespace in request["namespaces"]]
        self.manager = await Manager.create(self.backends, self.storage, self.jid, None, "blind")
        own, _ = await self.manager.get_own_device_information()
        fingerprint = "".join(self.manager.format_identity_key(own.identity_key))
        return {"deviceId": own.device_id, "fingerprint": fingerprint}

    async def synced(self, _):
        """The archive was read; from now on messages are answered as they come."""
        await self.manager.after_history_sync()

    async def refresh(self, request):
        for backend in self.backends:
            await self.manager.refresh_device_list(backend.namespace, request["jid"])

    async def devices(self, request):
        known = await self.manager.get_device_information(request["jid"])
        return [
            {
                "id": device.device_id,
                "namespaces": sorted(name for name, active in device.active if active),
                "fingerprint": "".join(self.manager.format_identity_key(device.identity_key)),
            }
            for device in known
        ]

    async def encrypt(self, request):
        """For all devices of these people and our own others; content by namespace, or none: an empty message."""
        content = {name: base64.b64decode(text) for name, text in request["content"].items()}
        messages, errors = await self.manager.encrypt(frozenset(request["to"]), content)
        return {
            "elements": [self.write(message) for message in messages],
            "errors": [type(error).__name__ for error in errors],
        }

    async def decrypt(self, request):
        element = ET.fromstring(request["xml"])
        namespace = element.tag[1:].split("}")[0]
        sender = request["from"]
        if namespace == OLD:
            message = await oldmemo.etree.parse_message(element, sender, self.jid, self.manager)
        else:
            message = twomemo.etree.parse_message(element, sender)
        try:
            content, device, _ = await self.manager.decrypt(message)
        except omemo.MessageNotForUs:
            return {"forUs": False}
        packed = None if content is None else base64.b64encode(content).decode("ascii")
        return {"forUs": True, "namespace": namespace, "content": packed, "deviceId": device.device_id}

    async def empty(self, request):
        """An empty message (a key-transport message) on the session with one device, as the library sends them."""
        backend = next(one for one in self.backends if one.namespace == request["namespace"])
        session = await backend.load_session(request["jid"], request["deviceId"])
        await self.manager._SessionManager__send_empty_message(backend, session)

    async def forget(self, request):
        """The sessions with this person are gone, as after damage or an old backup."""
        for backend in self.backends:
            await backend.purge_bare_jid(request["jid"])

    async def replace(self, request):
        """What a client offers as "renew the session"."""
        for device in await self.manager.get_device_information(request["jid"]):
            if device.device_id == request["deviceId"]:
                failures = await self.manager.replace_sessions(device)
                return sorted(type(failure).__name__ for failure in failures.values())
        raise LookupError("no such device")

    async def end(self, _):
        """Nothing of it is left but the file."""
        self.storage.save()
        self.storage = self.manager = None

    async def rotate(self, _):
        for backend in self.backends:
            await backend.rotate_signed_pre_key()
            own, _ = await self.manager.get_own_device_information()
            await Manager._upload_bundle(await backend.get_bundle(self.jid, own.device_id))


async def call(device, request):
    current.set(request["device"])
    try:
        value = await getattr(device, request["call"])(request)
        answer = {"id": request["id"], "ok": True, "value": value}
    except Exception as error:  # whatever it is, the test decides what it means
        answer = {"id": request["id"], "ok": False, "error": f"{type(error).__name__}: {error}"}
    if device.storage is not None:
        device.storage.save()
    print(json.dumps(answer), flush=True)


async def main():
    logging.getLogger("omemo.core").setLevel(logging.ERROR)
    reader = asyncio.StreamReader(limit=16 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    devices = {}
    calls = set()
    while line := await reader.readline():
        message = json.loads(line)
        if "answer" in message:
            network.answered(message["answer"], message["value"])
        else:
            device = devices.setdefault(message["device"], Device())
            task = asyncio.ensure_future(call(device, message))
            calls.add(task)
            task.add_done_callback(calls.discard)


asyncio.run(main())
