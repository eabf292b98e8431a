"""Walks through a broker with Paho 1.6 as a machine's script would.

  paho_walk.py live   HOST PORT tcp|websockets   publish, retain, QoS 0, 1, 2 each way
  paho_walk.py leave  HOST PORT tcp|websockets   a persistent session goes, and misses messages
  paho_walk.py return HOST PORT tcp|websockets   it comes back and gets what it missed

Prints a line for each thing that held. Ends with 1 and the reason at the first that did not.
"""

import queue
import sys

import paho.mqtt.client as mqtt

PHASE, HOST, PORT, TRANSPORT = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
WAIT = 5
TOPIC = "robotcell1/temperature"


class Walker:
    """A Paho client whose callbacks can be waited for."""

    def __init__(self, client_id, clean_session=True):
        self.connected, self.messages = queue.Queue(), queue.Queue()
        self.subscribed, self.published = queue.Queue(), queue.Queue()
        self.client = mqtt.Client(
            client_id=client_id,
            clean_session=clean_session,
            transport=TRANSPORT,
            protocol=mqtt.MQTTv311,
        )
        self.client.on_connect = lambda _c, _u, flags, rc: self.connected.put((flags, rc))
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client.on_subscribe = lambda _c, _u, mid, granted: self.subscribed.put((mid, granted))
        self.client.on_publish = lambda _c, _u, mid: self.published.put(mid)

    def connect(self):
        """Connects and gives whether the broker had kept the session."""
        self.client.connect(HOST, PORT, keepalive=240)
        self.client.loop_start()
        flags, code = self.connected.get(timeout=WAIT)
        check(code == 0, f"the broker accepts {self.client._client_id.decode()} ({code})")
        return flags["session present"] == 1

    def subscribe(self, topic, qos):
        _result, mid = self.client.subscribe(topic, qos)
        got = self.subscribed.get(timeout=WAIT)
        check(got == (mid, (qos,)), f"{topic} is granted at QoS {qos}")

    def publish(self, topic, payload, qos=0, retain=False):
        self.client.publish(topic, payload, qos=qos, retain=retain)
        self.published.get(timeout=WAIT)

    def message(self):
        return self.messages.get(timeout=WAIT)

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()


def check(held, what):
    if not held:
        sys.exit(f"did not hold: {what}")
    print(f"ok: {what}", flush=True)


def text(message):
    return message.payload.decode()


def live():
    there, publisher = Walker("there"), Walker("publisher")
    there.connect()
    publisher.connect()
    there.subscribe(TOPIC, 2)

    publisher.publish(TOPIC, 25)
    message = there.message()
    check(text(message) == "25" and not message.retain, "a live subscriber gets 25, not retained")

    late = Walker("late-for-25")
    late.connect()
    late.subscribe(TOPIC, 2)
    late.subscribe("robotcell1/marker", 2)
    publisher.publish("robotcell1/marker", "end")
    check(text(late.message()) == "end", "a later subscriber does not get 25")
    late.leave()

    publisher.publish(TOPIC, 666, retain=True)
    message = there.message()
    check(text(message) == "666" and not message.retain, "a live subscriber gets 666 without the flag")
    late = Walker("late-for-666")
    late.connect()
    late.subscribe(TOPIC, 2)
    message = late.message()
    check(text(message) == "666" and message.retain, "a later subscriber gets 666 with retain set")
    late.leave()

    for granted in (0, 1, 2):
        there.subscribe(f"qos/{granted}", granted)
        for qos in (0, 1, 2):
            publisher.publish(f"qos/{granted}", f"{qos}", qos=qos)
            message = there.message()
            same = text(message) == f"{qos}" and message.qos == min(qos, granted)
            check(same, f"published at QoS {qos}, subscribed at {granted}: QoS {message.qos}")

    there.leave()
    publisher.leave()


def leave():
    away = Walker("away", clean_session=False)
    check(not away.connect(), "there was no session before")
    away.subscribe("missed/1", 1)
    away.subscribe("missed/2", 2)
    away.leave()
    publisher = Walker("publisher")
    publisher.connect()
    for n in range(20):
        publisher.publish(f"missed/{n % 2 + 1}", f"{n}", qos=n % 2 + 1)
    publisher.publish("missed/kept", 666, qos=1, retain=True)
    publisher.leave()


def come_back():
    away = Walker("away", clean_session=False)
    check(away.connect(), "the session is present")
    got = [away.message() for _ in range(20)]
    # Paho hands a QoS 2 message on at its PUBREL: the order holds for each topic.
    for qos in (1, 2):
        of_qos = [text(m) for m in got if m.topic == f"missed/{qos}" and m.qos == qos]
        check(of_qos == [f"{n}" for n in range(qos - 1, 20, 2)], f"all missed at QoS {qos} comes, in order")
    check(not any(m.retain for m in got), "none as a retained message")
    publisher = Walker("publisher")
    publisher.connect()
    publisher.publish("missed/2", "live", qos=2)
    check(text(away.message()) == "live", "the subscriptions are alive, and nothing came twice")
    away.subscribe("missed/kept", 1)
    message = away.message()
    check(text(message) == "666" and message.retain, "the retained message is there")
    publisher.leave()
    away.leave()


try:
    {"live": live, "leave": leave, "return": come_back}[PHASE]()
except queue.Empty:
    sys.exit(f"nothing came within {WAIT} s")
