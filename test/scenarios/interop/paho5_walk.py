"""Walks through a broker of MQTT 5 with Paho 2 as a machine's script would.

  paho5_walk.py HOST PORT tcp|websockets

Prints a line for each thing that held. Ends with 1 and the reason at the first that did not.
"""

import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST, PORT, TRANSPORT = sys.argv[1], int(sys.argv[2]), sys.argv[3]
WAIT = 15


def properties(packet, **values):
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Walker:
    """A Paho client whose callbacks can be waited for."""

    def __init__(self, client_id):
        self.events = {name: queue.Queue() for name in ("connect", "subscribe", "publish", "message")}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, transport=TRANSPORT
        )
        put = {name: events.put for name, events in self.events.items()}
        self.client.on_connect = lambda _c, _u, flags, reason, props: put["connect"]((flags, reason, props))
        self.client.on_subscribe = lambda _c, _u, _mid, reasons, _props: put["subscribe"](reasons)
        self.client.on_publish = lambda _c, _u, _mid, reason, _props: put["publish"](reason)
        self.client.on_message = lambda _c, _u, message: put["message"](message)

    def get(self, name):
        return self.events[name].get(timeout=WAIT)

    def connect(self, clean_start=True, **values):
        """Connects and gives whether the broker had kept the session."""
        wished = properties(PacketTypes.CONNECT, **values)
        self.client.connect(HOST, PORT, keepalive=240, clean_start=clean_start, properties=wished)
        self.client.loop_start()
        flags, reason, _given = self.get("connect")
        check(not reason.is_failure, f"the broker accepts the client ({reason})")
        return flags.session_present

    def subscribe(self, topic, **options):
        self.client.subscribe(topic, options=SubscribeOptions(**options))
        reasons = self.get("subscribe")
        check(reasons[0].value == options["qos"], f"{topic} is granted at QoS {reasons[0].value}")

    def publish(self, topic, payload, qos, retain=False, **values):
        wished = properties(PacketTypes.PUBLISH, **values)
        self.client.publish(topic, payload, qos, retain, wished)
        return self.get("publish")

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()


def check(holds, what):
    if not holds:
        sys.exit(f"NOT: {what}")
    print(f"ok: {what}")


def walk():
    away = Walker("away-5")
    check(not away.connect(False, SessionExpiryInterval=600), "there was no session before")
    away.subscribe("part/#", qos=2, retainAsPublished=True)
    away.leave()
    press = Walker("press-5")
    press.connect()
    for qos in (0, 1, 2):
        told = {"ContentType": "text/plain", "MessageExpiryInterval": 60, "CorrelationData": b"\0\xff"}
        user = [("a", "1"), ("b", ""), ("a", f"{qos}")]
        press.publish(f"part/{qos}", f"{qos}", qos, qos == 2, UserProperty=user, **told)
    check(away.connect(False, SessionExpiryInterval=600), "the session is present")
    for qos in (1, 2):
        message = away.get("message")
        check(message.payload.decode() == f"{qos}" and message.qos == qos, f"what was missed at QoS {qos} comes")
        check(message.retain == (qos == 2), "with the retain flag as published")
        got = message.properties
        check(got.UserProperty == [("a", "1"), ("b", ""), ("a", f"{qos}")], "with its user properties in order")
        check(got.ContentType == "text/plain" and got.CorrelationData == b"\0\xff", "and the others")
        check(0 < got.MessageExpiryInterval <= 60, "and what is left of its expiry")
    press.subscribe("own", qos=1, noLocal=True)
    press.publish("own", "mine", 1)
    away.publish("own", "other", 1)
    check(press.get("message").payload == b"other", "No Local: the own message does not come")
    check(press.publish("nobody/listens", "x", 1).value in (0, 0x10), "a PUBACK has a reason code")
    away.leave()
    press.leave()


try:
    walk()
except queue.Empty:
    sys.exit(f"nothing came within {WAIT} s")
