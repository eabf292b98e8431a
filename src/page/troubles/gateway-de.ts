/** What German has for the sentences about the store, the gateway itself, its files, clock, certificates and limits, by their form in English. */
export const GATEWAY: Readonly<Record<string, string>> = {
  'no space left for …: free some; …': 'auf {1} ist kein Platz mehr frei: Platz schaffen; {2}',
  'the database has taken its share, half of the file system of …: purge a queue (cellgate queue list), or give it a larger one; …':
    'die Datenbank hat ihren Anteil erreicht, die Hälfte des Dateisystems von {1}: eine Warteschlange leeren (cellgate queue list) oder ein größeres Dateisystem verwenden; {2}',
  '… is read-only: remount it writable; …': '{1} ist schreibgeschützt: beschreibbar einhängen; {2}',
  '… does not take writes (…); …': '{1} nimmt keine Schreibzugriffe an ({2}); {3}',
  "queued messages can't be read from … (…): they wait, and the read is tried again each second; check the disk":
    'wartende Nachrichten können nicht von {1} gelesen werden ({2}): sie warten, und das Lesen wird jede Sekunde wiederholt; Datenträger prüfen',
  '… is damaged (…): the gateway ends, its next start recovers what can be read':
    '{1} ist beschädigt ({2}): das Gateway endet, sein nächster Start rettet, was lesbar ist',
  'the database was found damaged at …: at least … messages are lost…; "cellgate acknowledge" ends this trouble':
    'die Datenbank war am {1} beschädigt: mindestens {2} Nachrichten sind verloren{3}; „cellgate acknowledge“ beendet diese Störung',
  '… rows of the database did not fit at the start of … and were set aside in …: find out what is missing; "cellgate acknowledge" ends this trouble':
    '{1} Zeilen der Datenbank passten beim Start am {2} nicht und liegen jetzt in {3}: feststellen, was fehlt; „cellgate acknowledge“ beendet diese Störung',
  '… was deleted while the gateway runs: it is written again from what is still open; …':
    '{1} wurde im laufenden Betrieb gelöscht: es wird aus dem noch Geöffneten neu geschrieben; {2}',
  '… was replaced while the gateway runs, all that was acknowledged is in …: stop the gateway, give the file to be used the name, and start it; QoS 1 and 2 messages are not acknowledged until then':
    '{1} wurde im laufenden Betrieb ersetzt, alles Bestätigte liegt in {2}: das Gateway anhalten, der gewünschten Datei den Namen geben und es starten; Nachrichten mit QoS 1 und 2 werden bis dahin nicht bestätigt',
  "the long history can't be written: …": 'der lange Verlauf kann nicht geschrieben werden: {1}',
  'the thread of the long history has ended': 'der Thread des langen Verlaufs ist beendet',
  'the writer of the store has not answered for … s':
    'der Schreiber des Speichers hat seit {1} s nicht geantwortet',
  'a fault of the gateway, … since the start, the last one …; what it was doing was set aside, all else continues':
    'ein Fehler des Gateways, {1} seit dem Start, der letzte {2}; die betroffene Arbeit wurde zurückgelegt, alles andere läuft weiter',
  'a fault of the gateway, see its log': 'ein Fehler des Gateways, siehe Protokoll',
  'the access file has changed and is wrong, so the rules from before stay: …':
    'die Zugriffsdatei wurde geändert und ist falsch, deshalb gelten die bisherigen Regeln weiter: {1}',
  "the audit log can't be written: …": 'das Änderungsprotokoll kann nicht geschrieben werden: {1}',
  'the clock is not set: no time server has answered, and the board has no battery clock':
    'die Uhr ist nicht gestellt: kein Zeitserver hat geantwortet, und das Board hat keine Batterieuhr',
  'the certificate … ends on …, in … days: …':
    'das Zertifikat {1} läuft am {2} ab, in {3} Tagen: {4}',
  'the certificate … ended on …, clients refuse it: …':
    'das Zertifikat {1} ist am {2} abgelaufen, Clients lehnen es ab: {3}',
  "the files of … have changed and can't be used, so the ones from before stay: …":
    'die Dateien von {1} wurden geändert und sind nicht verwendbar, deshalb gelten die bisherigen weiter: {2}',
  'the limit broker.limits.connections is reached':
    'die Grenze broker.limits.connections ist erreicht',
  'the limit broker.limits.connectionsPerAddress is reached':
    'die Grenze broker.limits.connectionsPerAddress ist erreicht',
  'the limit broker.limits.connecting is reached':
    'die Grenze broker.limits.connecting ist erreicht',
  'the limit broker.limits.subscriptions is reached':
    'die Grenze broker.limits.subscriptions ist erreicht',
  'the limit broker.limits.subscriptionBytes is reached':
    'die Grenze broker.limits.subscriptionBytes ist erreicht',
  'the limit broker.limits.subscriptionsPerClient is reached':
    'die Grenze broker.limits.subscriptionsPerClient ist erreicht',
  'the limit broker.limits.subscriptionBytesPerClient is reached':
    'die Grenze broker.limits.subscriptionBytesPerClient ist erreicht',
  'the limit broker.limits.sessions is reached': 'die Grenze broker.limits.sessions ist erreicht',
  '… of … sessions are in use (broker.limits.sessions)':
    '{1} von {2} Sitzungen sind belegt (broker.limits.sessions)',
  'the limit broker.limits.absentQueueBytes is reached':
    'die Grenze broker.limits.absentQueueBytes ist erreicht',
  'the limit broker.limits.unreleased is reached':
    'die Grenze broker.limits.unreleased ist erreicht',
  'the limit broker.limits.unfinishedMemory is reached':
    'die Grenze broker.limits.unfinishedMemory ist erreicht',
  'the limit broker.limits.unreadMemory is reached':
    'die Grenze broker.limits.unreadMemory ist erreicht',
  'the limit broker.limits.retainedMessages is reached':
    'die Grenze broker.limits.retainedMessages ist erreicht',
  'the limit broker.limits.retainedMessagesPerClient is reached':
    'die Grenze broker.limits.retainedMessagesPerClient ist erreicht',
  'the limit broker.limits.retainedBytes is reached':
    'die Grenze broker.limits.retainedBytes ist erreicht',
  'the limit broker.limits.retainedBytesPerClient is reached':
    'die Grenze broker.limits.retainedBytesPerClient ist erreicht',
  'the limit broker.limits.queueMemory is reached':
    'die Grenze broker.limits.queueMemory ist erreicht',
  'QoS 1 and 2 messages are not acknowledged until it does':
    'bis dahin werden Nachrichten mit QoS 1 und 2 nicht bestätigt',
  '… has the most: …': 'am meisten hat {1}: {2}',
};
