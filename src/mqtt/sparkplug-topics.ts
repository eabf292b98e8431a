/** First level of all topics of Sparkplug B [Sparkplug 3.0, section 4.1]. */
const NAMESPACE = 'spBv1.0';
/** Where a broker that is Sparkplug aware keeps certificates of birth [tck-id-conformance-mqtt-aware-nbirth-mqtt-topic]. */
const [FIRST_LEVEL, SECOND_LEVEL] = ['$sparkplug', 'certificates'];
const CERTIFICATES = `${FIRST_LEVEL}/${SECOND_LEVEL}/`;
/** The longest topic of the standard, in bytes. */
const TOPIC_BYTES = 65_535;

const BIRTH = /^spBv1\.0\/[^/]+\/(?:NBIRTH\/[^/]+|DBIRTH\/[^/]+\/[^/]+)$/;
const DEATH = /^spBv1\.0\/[^/]+\/NDEATH\/[^/]+$/;

/** Whether a message of the topic is a certificate of birth or the death of an edge node; undefined for all others. */
export function certificateKind(topic: string): 'birth' | 'death' | undefined {
  if (!topic.startsWith(NAMESPACE)) return undefined;
  if (DEATH.test(topic)) return 'death';
  const fits = Buffer.byteLength(topic) + CERTIFICATES.length <= TOPIC_BYTES;
  return fits && BIRTH.test(topic) ? 'birth' : undefined;
}

/** Where the certificate of this birth is kept. */
export function certificateTopic(birth: string): string {
  return CERTIFICATES + birth;
}

/** Whether the topic is one that only the broker publishes on. */
export function isOfCertificates(topic: string): boolean {
  return topic.startsWith(`${FIRST_LEVEL}/`);
}

/**
 * What a subscriber of the filter reads through the certificates, as a filter of the births themselves; undefined if the
 * filter matches no certificate.
 */
export function birthFilter(filter: string): string | undefined {
  if (!isOfCertificates(filter)) return undefined;
  const [, second, ...rest] = filter.split('/');
  if (second === '#') return `${NAMESPACE}/#`;
  if (second !== '+' && second !== SECOND_LEVEL) return undefined;
  const [namespace, ...levels] = rest;
  if (namespace === '#') return `${NAMESPACE}/#`;
  if (namespace !== '+' && namespace !== NAMESPACE) return undefined;
  return [NAMESPACE, ...levels].join('/');
}
