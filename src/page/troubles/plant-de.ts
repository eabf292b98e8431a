/** What German has for the sentences about the connection to a plant, by their form in English. */
export const PLANT: Readonly<Record<string, string>> = {
  '… refuses the connection: nothing listens there':
    '{1} weist die Verbindung ab: dort hört niemand zu',
  '… has a name that is not known (DNS)': '{1} hat einen unbekannten Namen (DNS)',
  '… has a name that could not be looked up (DNS does not answer)':
    '{1} hat einen Namen, der nicht aufgelöst werden konnte (DNS antwortet nicht)',
  '… is not reachable (no route to it)': '{1} ist nicht erreichbar (kein Weg dorthin)',
  '… is not reachable (no network)': '{1} ist nicht erreichbar (kein Netzwerk)',
  '… does not answer': '{1} antwortet nicht',
  '… could not be reached (…)': '{1} konnte nicht erreicht werden ({2})',
  '… cut the connection': '{1} hat die Verbindung abgebrochen',
  '… cut the connection (…)': '{1} hat die Verbindung abgebrochen ({2})',
  '… closed the connection in order': '{1} hat die Verbindung ordnungsgemäß geschlossen',
  '… has stopped answering': '{1} antwortet nicht mehr',
  '… takes the connection and then never answers CONNECT':
    '{1} nimmt die Verbindung an und beantwortet CONNECT dann nicht',
  '… closed the connection instead of answering CONNECT':
    '{1} hat die Verbindung geschlossen, statt CONNECT zu beantworten',
  '… does not speak this version of MQTT: try protocol: 4':
    '{1} spricht diese Version von MQTT nicht: protocol: 4 versuchen',
  '… refuses the client id': '{1} lehnt die Client-ID ab',
  '… closed the connection: another client has taken the same client id':
    '{1} hat die Verbindung geschlossen: ein anderer Client verwendet dieselbe Client-ID',
  '… refuses the user name or password': '{1} lehnt Benutzername oder Passwort ab',
  '… does not let this client in (not authorised)':
    '{1} lässt diesen Client nicht zu (nicht berechtigt)',
  '… closed the connection: not authorised': '{1} hat die Verbindung geschlossen: nicht berechtigt',
  '… asks for another way of authentication': '{1} verlangt eine andere Art der Anmeldung',
  '… has banned this client': '{1} hat diesen Client gesperrt',
  'the environment variable … is not set': 'die Umgebungsvariable {1} ist nicht gesetzt',
  'the credential … is not there: systemd gives it by LoadCredential=…:FILE':
    'das Credential {1} fehlt: systemd liefert es mit LoadCredential={2}:DATEI',
  "the password in … can't be read (…)": 'das Passwort in {1} kann nicht gelesen werden ({2})',
  '… says that it is not available': '{1} meldet, dass er nicht verfügbar ist',
  '… says that it is busy': '{1} meldet, dass er ausgelastet ist',
  '… closed the connection: it is busy': '{1} hat die Verbindung geschlossen: er ist ausgelastet',
  '… is shutting down': '{1} wird heruntergefahren',
  '… closed the connection: an administrator did':
    '{1} hat die Verbindung geschlossen: durch einen Administrator',
  '… says that this client connects too often':
    '{1} meldet, dass sich dieser Client zu oft verbindet',
  '… says that messages come too fast': '{1} meldet, dass die Nachrichten zu schnell kommen',
  '… has no room for another client (quota exceeded)':
    '{1} hat keinen Platz für einen weiteren Client (Kontingent überschritten)',
  '… says that a quota is exceeded': '{1} meldet, dass ein Kontingent überschritten ist',
  '… says to use another server': '{1} verweist auf einen anderen Server',
  '… says that it has moved': '{1} meldet, dass er umgezogen ist',
  '… refuses the connection without a reason': '{1} weist die Verbindung ohne Grund ab',
  '… refuses the connection (reason …)': '{1} weist die Verbindung ab (Grund {2})',
  '… closed the connection (reason …)': '{1} hat die Verbindung geschlossen (Grund {2})',
  '… refuses the topic of the will': '{1} lehnt das Topic des Wills ab',
  '… does not keep retained messages: the will is refused':
    '{1} speichert keine Retained-Nachrichten: der Will wird abgelehnt',
  '… does not take the QoS of the will': '{1} nimmt die QoS des Wills nicht an',
  '… finds the CONNECT too large': '{1} findet das CONNECT zu groß',
  '… says that a packet was malformed': '{1} meldet, dass ein Paket fehlerhaft war',
  '… says that the protocol was violated': '{1} meldet, dass das Protokoll verletzt wurde',
  '… says that a packet was too large': '{1} meldet, dass ein Paket zu groß war',
  '… says that more was sent than it can take (receive maximum)':
    '{1} meldet, dass mehr gesendet wurde, als er annehmen kann (Receive Maximum)',
  '… received nothing for too long (keep-alive timeout)':
    '{1} hat zu lange nichts empfangen (Keep-Alive abgelaufen)',
  '… shows a certificate that has expired': '{1} zeigt ein abgelaufenes Zertifikat',
  '… shows a certificate that is not yet valid: is the clock set?':
    '{1} zeigt ein noch nicht gültiges Zertifikat: ist die Uhr gestellt?',
  '… shows a certificate for another name': '{1} zeigt ein Zertifikat für einen anderen Namen',
  '… shows a certificate that tls.ca has not signed':
    '{1} zeigt ein Zertifikat, das tls.ca nicht unterschrieben hat',
  '… shows a certificate whose signature is wrong':
    '{1} zeigt ein Zertifikat mit falscher Unterschrift',
  '… shows a certificate that was revoked': '{1} zeigt ein widerrufenes Zertifikat',
  '… refuses the certificate of this gateway (…)':
    '{1} lehnt das Zertifikat dieses Gateways ab ({2})',
  '… does not agree on TLS (…): is it a port with TLS?':
    'mit {1} kommt kein TLS zustande ({2}): ist es ein Port mit TLS?',
  '… takes messages and does not bring them back: the probe on … did not return':
    '{1} nimmt Nachrichten an und bringt sie nicht zurück: die Probe auf {2} kam nicht wieder',
  '… refuses the probe on …': '{1} lehnt die Probe auf {2} ab',
  '… has not answered CONNECT for … s': '{1} hat CONNECT seit {2} s nicht beantwortet',
  'messages wait and nothing flows: the plant acknowledges nothing and takes no bytes; check the plant and the network':
    'Nachrichten warten und nichts fließt: das Werk bestätigt nichts und nimmt keine Bytes an; das Werk und das Netzwerk prüfen',
  'the plant acknowledges late, after more than 8 s: it or the network is overloaded; check the load of the plant':
    'das Werk bestätigt spät, nach mehr als 8 s: es oder das Netzwerk ist überlastet; die Last des Werks prüfen',
  'it has more than … queues, because those of earlier routes are not empty: … routes have no separate queue, … messages wait for room':
    'es gibt mehr als {1} Warteschlangen, weil die früherer Routen nicht leer sind: {2} Routen haben keine eigene, {3} Nachrichten warten auf Platz',
  '… messages wait for uplinks that are not in the config (…): add the uplink again, or cellgate queue purge --session uplink/…':
    '{1} Nachrichten warten auf Verbindungen zum Werk, die nicht in der Konfiguration sind ({2}): die Verbindung wieder eintragen, oder cellgate queue purge --session uplink/{3}',
  'the connection is slow: … kB …, and urgent messages wait for their end; send smaller messages or use a faster connection':
    'die Verbindung ist langsam: {1} kB {2}, und dringende Nachrichten warten auf ihr Ende; kleinere Nachrichten senden oder eine schnellere Verbindung verwenden',
  'the queue has grown for a minute: more messages arrive than the connection takes; send less (deadband, heartbeat, fewer routes) or use a faster connection':
    'die Warteschlange wächst seit einer Minute: es kommen mehr Nachrichten an, als die Verbindung annimmt; weniger senden (deadband, heartbeat, weniger Routen) oder eine schnellere Verbindung verwenden',
  'the connection was lost … times in the last minute: check the network, and whether another client uses the same client id':
    'die Verbindung ist in der letzten Minute {1} Mal abgerissen: das Netzwerk prüfen, und ob ein anderer Client dieselbe Client-ID verwendet',
  'the … is suspected: the connection ended … while it was in flight; it is sent alone, after the urgent ones, and refused if the connection ends again':
    'verdächtig ist {1}: die Verbindung endete {2}, während die Nachricht unterwegs war; sie wird allein gesendet, nach den dringenden, und abgelehnt, wenn die Verbindung wieder endet',
  'the plant does not take the … for the moment: it is sent again, alone':
    'das Werk nimmt {1} im Moment nicht an: sie wird noch einmal allein gesendet',
  'the plant refuses messages on …: they are kept, see cellgate queue list':
    'das Werk lehnt Nachrichten auf {1} ab: sie werden aufbewahrt, siehe cellgate queue list',
  '… changes topics, "." to "/" and "*" to "+": …':
    '{1} ändert Topics, „.“ in „/“ und „*“ in „+“: {2}',
  'the plant ends the connection at messages with QoS 2: they are sent with QoS 1; set qos: 1 on its routes':
    'das Werk beendet die Verbindung bei Nachrichten mit QoS 2: sie werden mit QoS 1 gesendet; qos: 1 bei den Routen setzen',
  '… breaks the protocol: its SUBACK has … codes for … filters':
    '{1} verletzt das Protokoll: SUBACK hat {2} Codes für {3} Filter',
  'a message from the plant could not be accepted':
    'eine Nachricht vom Werk konnte nicht angenommen werden',
  '… has acknowledged none of … messages for … s':
    '{1} hat seit {3} s keine von {2} Nachrichten bestätigt',
  '… refuses to send …': '{1} sendet {2} nicht',
  '… does not take …: …': '{1} nimmt {2} nicht an: {3}',
  '… left for the first address, which works again':
    '{1} für die erste Adresse verlassen, die wieder funktioniert',
  '…; … is used': '{1}; verwendet wird {2}',
  '…: another gateway uses … there too; its readings and its state mix with ours: give each gateway its own cell name':
    '{1}: ein anderes Gateway verwendet dort auch {2}; seine Werte und sein Zustand vermischen sich mit unseren: jedem Gateway einen eigenen Zellnamen geben',
  'connections end again and again while all works: is another gateway connected with the client id …? Each needs its own':
    'Verbindungen enden immer wieder, obwohl alles funktioniert: ist ein anderes Gateway mit der Client-ID {1} verbunden? Jedes braucht eine eigene',
  '…: waits for the primary host …, which is offline':
    '{1}: wartet auf den primären Host {2}, der offline ist',
  '… the primary host … is offline': '{1} der primäre Host {2} ist offline',
  '… takes packets of … bytes, a certificate of birth has …: choose fewer values with routes':
    '{1} nimmt Pakete mit {2} Bytes an, ein Geburtszertifikat hat {3}: mit Routen weniger Werte wählen',
  '…: connected, waiting for the probe to come back':
    '{1}: verbunden, wartet auf die Rückkehr der Probe',
  '…: connected, waiting for the births to arrive':
    '{1}: verbunden, wartet auf die Ankunft der Geburtszertifikate',
};
