import type { Faults } from '../../base/faults.ts';
import { PendingAck } from '../../queue/pending-ack.ts';
import type { Store } from '../../store/store.ts';
import type { Client } from './client.ts';
import type { FlowControl } from './flow-control.ts';
import { Publication, type Subscriber } from './publication.ts';
import { type RetainParts, retain } from './retain.ts';
import type { RetainedMessages } from './retained.ts';
import { type Receiver, type Route, receiversOf } from './route.ts';
import type { Router } from './router.ts';
import { type SetAsideParts, setAside } from './set-aside.ts';
import { certificateOf, stampDeath } from './sparkplug.ts';

export interface DeliveryParts extends RetainParts, SetAsideParts {
  readonly store: Store;
  readonly router: Pick<Router, 'route'>;
  readonly retained: RetainedMessages;
  readonly flow: FlowControl;
  readonly faults: Faults;
  /** Milliseconds since the Unix epoch. */
  wall(): number;
}

/** Gives each publication to the retained messages and to its subscribers; a failure at one of them does not reach the others. */
export class Delivery {
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** `client` is the publisher, which may be held up; the gateway's own messages never wait. */
  deliver(publication: Publication, route: Route, client?: Client): void {
    if (route.special !== null) this.#special(publication, route, client);
    if (publication.retain) this.#retain(publication);
    if (route.grants !== null) return this.#deliverGranted(publication, route, client);
    const { subscribers, qos } = route;
    const { from, qos: published } = publication;
    for (let i = 0; i < subscribers.length; i++) {
      try {
        // One barrier for all subscribers costs less than one for each.
        for (; i < subscribers.length; i++) {
          const subscriber = subscribers[i]!;
          if (subscriber === from) continue;
          const granted = qos[i]!;
          subscriber.deliver(publication, granted < published ? granted : published);
          if (client) this.#holdFor(subscriber, client);
        }
      } catch (error) {
        this.#failed(publication, subscribers[i]!, error);
      }
    }
  }

  /** The same where subscriptions have options of MQTT 5. */
  #deliverGranted(publication: Publication, route: Route, client?: Client): void {
    this.#parts.faults.each(
      receiversOf(publication, route, client?.session),
      (each) => this.#deliverTo(publication, each, client),
      ({ subscriber }, error) => this.#failed(publication, subscriber, error),
    );
  }

  #deliverTo(
    publication: Publication,
    { subscriber, granted, grant }: Receiver,
    client?: Client,
  ): void {
    publication.grant = grant;
    subscriber.deliver(publication, granted);
    if (client) this.#holdFor(subscriber, client);
  }

  /** What a broker that is Sparkplug aware does [Sparkplug 3.0, section 10.1.4]. */
  #special(publication: Publication, { special }: Route, client?: Client): void {
    try {
      if (special === 'death') stampDeath(publication, this.#parts.wall());
      else if (special === 'birth') this.#certify(publication, client);
    } catch (error) {
      const { pendingAck } = publication;
      setAside(this.#parts, publication.keep(), 'the certificates', error, pendingAck);
    }
  }

  #certify(birth: Publication, client?: Client): void {
    const certificate = certificateOf(birth, client?.session?.clientId ?? birth.publisher);
    const route = this.#parts.router.route(certificate.topic);
    if (client && birth.held) this.deliverAfterCommit(certificate, route, client);
    else this.deliver(certificate, route, client);
  }

  #retain(publication: Publication): void {
    try {
      retain(this.#parts.retained, publication, this.#parts);
    } catch (error) {
      const { pendingAck } = publication;
      setAside(this.#parts, publication.keep(), 'the retained messages', error, pendingAck);
    }
  }

  /** The delivery to one subscriber has failed. */
  #failed(publication: Publication, subscriber: Subscriber, error: unknown): void {
    const to = subscriber.label ?? 'a part of the gateway';
    setAside(this.#parts, publication.keep(), to, error, publication.pendingAck);
  }

  #holdFor({ backlogged }: Subscriber, client: Client): void {
    if (backlogged) this.#parts.flow.hold(client, backlogged);
  }

  /**
   * The message is added to the queues of persistent sessions immediately, and held until it is on disk; other subscribers
   * get it then. If it were sent earlier, a crash could make the publisher repeat it, and they would receive it twice.
   */
  deliverAfterCommit(publication: Publication, route: Route, client: Client): void {
    if (route.special !== null) this.#special(publication, route, client);
    if (publication.retain) this.#retain(publication);
    const { topic, qos, retain: retained, requester } = publication;
    const { faults } = this.#parts;
    const all = receiversOf(publication, route, client.session);
    const isStored = ({ subscriber, granted }: Receiver): boolean =>
      subscriber.persistent && granted > 0;
    faults.each(
      all.filter(isStored),
      (each) => this.#deliverTo(publication, each, client),
      ({ subscriber }, error) => this.#failed(publication, subscriber, error),
    );
    const later = all.filter((each) => !isStored(each));
    if (later.length === 0) return;
    const message = publication.keep().copy();
    const committed = new PendingAck(() => {
      const again = new Publication();
      faults.each(
        later,
        (each) => {
          again.of(message, topic, qos, retained).requester = requester;
          this.#deliverTo(again, each, client);
        },
        ({ subscriber }, error) => this.#failed(again, subscriber, error),
      );
    });
    this.#parts.store.journal.notifyAfterCommit(committed, true);
    committed.done();
  }
}
