/** What German has for the sentences about outputs, buses, lines and sensors, by their form in English. */
export const HARDWARE: Readonly<Record<string, string>> = {
  'the line is … although … was written': 'die Leitung ist {1}, obwohl {2} geschrieben wurde',
  'the line is not taken': 'die Leitung ist nicht belegt',
  'not taken yet': 'noch nicht belegt',
  'interlocked: … is not …': 'verriegelt: {1} ist nicht {2}',
  'no message on … for … s': 'keine Nachricht auf {1} seit {2} s',
  'the uplink is lost': 'die Verbindung zum Werk ist verloren',
  'the gateway stops': 'das Gateway hält an',
  'the chip was reset: its pin is no longer driven':
    'der Chip wurde zurückgesetzt: sein Anschluss wird nicht mehr getrieben',
  'simulated: sensors, inputs and outputs are models, no hardware is used (run --simulate, or simulate: true)':
    'simuliert: Sensoren, Eingänge und Ausgänge sind Modelle, keine Hardware wird verwendet (run --simulate, oder simulate: true)',
  'the supply has failed': 'die Versorgung ist ausgefallen',
  'power failures are not seen: …': 'Stromausfälle werden nicht erkannt: {1}',
  'the last power failure: …': 'der letzte Stromausfall: {1}',
  'it took … ms, the budget is … ms': 'es dauerte {1} ms, erlaubt sind {2} ms',
  'not all is on disk: …': 'nicht alles ist auf dem Datenträger: {1}',
  'the disk has not taken it within … s':
    'der Datenträger hat es nicht innerhalb von {1} s angenommen',
  'too late: given … s ago, at most … s': 'zu spät: vor {1} s gegeben, höchstens {2} s',
  'too late: the command has expired': 'zu spät: der Befehl ist abgelaufen',
  'too many commands wait for their answer': 'zu viele Befehle warten auf ihre Antwort',
  'it was so for too long': 'es war zu lange so',
  'its time is over': 'seine Zeit ist um',
  'no answer from …': 'keine Antwort von {1}',
  '… is stuck: a line is held low, or … stretches the clock for too long':
    '{1} hängt: eine Leitung wird auf Low gehalten, oder {2} dehnt den Takt zu lange',
  '… is stuck: the transfer with … has not come back':
    '{1} hängt: die Übertragung mit {2} ist nicht zurückgekehrt',
  '… is stuck: a line is held low, no chip can be reached':
    '{1} hängt: eine Leitung wird auf Low gehalten, kein Chip ist erreichbar',
  '… is owned by a kernel driver': '{1} gehört einem Kernel-Treiber',
  '… does not exist: there is no /dev/… (enable it with dtparam=i2c_arm=on or an overlay in config.txt)':
    '{1} gibt es nicht: /dev/{2} fehlt (mit dtparam=i2c_arm=on oder einem Overlay in config.txt einschalten)',
  'no permission for /dev/…: add the user to group i2c':
    'keine Berechtigung für /dev/{1}: den Benutzer in die Gruppe i2c aufnehmen',
  'the transfer with … failed: …': 'die Übertragung mit {1} ist fehlgeschlagen: {2}',
  '… of … bytes came': '{1} von {2} Bytes kamen an',
  '"…" is no I2C bus: expected i2c-1 or i2c-1/0x70/3':
    '„{1}“ ist kein I2C-Bus: erwartet wird i2c-1 oder i2c-1/0x70/3',
  '"…" is no I2C bus: expected i2c-1 or alike':
    '„{1}“ ist kein I2C-Bus: erwartet wird i2c-1 oder ähnlich',
  'multiplexer of …: …': 'Multiplexer von {1}: {2}',
  '… is closed': '{1} ist geschlossen',
  'this machine offers no GPIO': 'diese Maschine hat kein GPIO',
  'no GPIO through …': 'kein GPIO über {1}',
  'line … is on no GPIO chip, there is …': 'Leitung {1} ist an keinem GPIO-Chip, es gibt {2}',
  'line … is there twice, expected one of …':
    'Leitung {1} gibt es zweimal, erwartet wird eine von {2}',
  'line …: … is not in /sys/class/gpio, there is …':
    'Leitung {1}: {2} ist nicht in /sys/class/gpio, es gibt {3}',
  'line …: … has only … lines': 'Leitung {1}: {2} hat nur {3} Leitungen',
  'line …: /sys/class/gpio knows no line names, …':
    'Leitung {1}: /sys/class/gpio kennt keine Leitungsnamen, {2}',
  'line … is in use by …': 'Leitung {1} wird von {2} verwendet',
  'line … was in use a moment ago': 'Leitung {1} war eben noch belegt',
  'line … is in use by another program or a kernel driver':
    'Leitung {1} wird von einem anderen Programm oder einem Kernel-Treiber verwendet',
  'line … is not available: the kernel does not know it or uses it itself':
    'Leitung {1} ist nicht verfügbar: der Kernel kennt sie nicht oder verwendet sie selbst',
  'no permission for /dev/…: add the user to group gpio':
    'keine Berechtigung für /dev/{1}: den Benutzer in die Gruppe gpio aufnehmen',
  'no permission for /sys/class/gpio: add the user to group gpio':
    'keine Berechtigung für /sys/class/gpio: den Benutzer in die Gruppe gpio aufnehmen',
  '/sys/class/gpio is read-only here: the unit needs it in ReadWritePaths':
    '/sys/class/gpio ist hier schreibgeschützt: die Unit braucht es in ReadWritePaths',
  'line …: its chip … was removed': 'Leitung {1}: ihr Chip {2} wurde entfernt',
  'line …: its chip was removed': 'Leitung {1}: ihr Chip wurde entfernt',
  'line …: /dev/… is gone': 'Leitung {1}: /dev/{2} ist verschwunden',
  "line …: its chip raises no interrupts, so pulses can't be counted":
    'Leitung {1}: ihr Chip löst keine Interrupts aus, deshalb können keine Impulse gezählt werden',
  'line …: /sys/class/gpio loses pulses, counting needs /dev/gpiochip*':
    'Leitung {1}: /sys/class/gpio verliert Impulse, zum Zählen braucht es /dev/gpiochip*',
  "line …: /sys/class/gpio can't set a …, …":
    'Leitung {1}: /sys/class/gpio kann {2} nicht setzen, {3}',
  "line …: /sys/class/gpio can't drive it …":
    'Leitung {1}: /sys/class/gpio kann sie nicht {2} treiben',
  "/sys/class/gpio can't take several lines at once":
    '/sys/class/gpio kann nicht mehrere Leitungen zugleich belegen',
  'line …: the kernel does not take what is asked of it (EINVAL)':
    'Leitung {1}: der Kernel nimmt die Anfrage nicht an (EINVAL)',
  'lines must be on one chip, found …': 'die Leitungen müssen an einem Chip sein, gefunden: {1}',
  '… lines in one request, the kernel takes 1 to 64':
    '{1} Leitungen in einer Anfrage, der Kernel nimmt 1 bis 64 an',
  'line … could not be driven or read': 'Leitung {1} konnte nicht getrieben oder gelesen werden',
  'line …: …': 'Leitung {1}: {2}',
  'line … is closed': 'Leitung {1} ist geschlossen',
  'a total is 0 or more, not …': 'eine Summe ist 0 oder mehr, nicht {1}',
  'these sensors stand still: …': 'diese Sensoren stehen still: {1}',
  'no answer within …ms': 'keine Antwort innerhalb von {1} ms',
  'no sample for … s': 'kein Messwert seit {1} s',
  'not read yet': 'noch nicht gelesen',
  'the driver gave no value': 'der Treiber lieferte keinen Wert',
  'not a finite number: …': 'keine endliche Zahl: {1}',
  'the driver reports the value as uncertain': 'der Treiber meldet den Wert als unsicher',
  "outside the sensor's range of … to …": 'außerhalb des Messbereichs des Sensors von {1} bis {2}',
  'outside … to …': 'außerhalb von {1} bis {2}',
  '… is not in the map': '{1} steht nicht in der Zuordnung',
  'clock not yet set': 'die Uhr ist noch nicht gestellt',
  'taken before the clock was set, time corrected':
    'gemessen, bevor die Uhr gestellt war; die Zeit ist berichtigt',
  'filter warming up (… of …)': 'der Filter läuft an ({1} von {2})',
  'filter warming up (1 of 2)': 'der Filter läuft an (1 von 2)',
  'the checksum is wrong: the answer was disturbed on its way':
    'die Prüfsumme ist falsch: die Antwort wurde unterwegs gestört',
  '…: wire broken or transmitter failed (NAMUR NE 43: at most … mA)':
    '{1}: Draht gebrochen oder Messumformer defekt (NAMUR NE 43: höchstens {2} mA)',
  'wire broken: no current flows': 'Draht gebrochen: es fließt kein Strom',
  '…: short circuit or transmitter failed (NAMUR NE 43: at least … mA)':
    '{1}: Kurzschluss oder Messumformer defekt (NAMUR NE 43: mindestens {2} mA)',
  'short circuit: 0 Ω': 'Kurzschluss: 0 Ω',
  '…: outside the measuring range of … mA (NAMUR NE 43)':
    '{1}: außerhalb des Messbereichs von {2} mA (NAMUR NE 43)',
  '… V: outside 0 to 10 V': '{1} V: außerhalb von 0 bis 10 V',
  '… Ω is not in the table': '{1} Ω steht nicht in der Tabelle',
  '… Ω: a Pt1000 has … to … Ω': '{1} Ω: ein Pt1000 hat {2} bis {3} Ω',
  'at full scale, ±… V': 'am Ende des Messbereichs, ±{1} V',
  'at full scale, it may be brighter': 'am Ende des Messbereichs, es kann heller sein',
  'an axis is at full scale, ±… g': 'eine Achse ist am Ende des Messbereichs, ±{1} g',
  'the shunt is at ±320 mV or more': 'am Shunt liegen ±320 mV oder mehr',
  'the shunt is at ±81.92 mV or more': 'am Shunt liegen ±81,92 mV oder mehr',
  'not …: …, expected …': 'kein {1}: {2}, erwartet wird {3}',
  'not a BME280: its chip ID is 0x58 (a BMP280, which has no humidity)':
    'kein BME280: seine Chip-ID ist 0x58 (ein BMP280, der keine Feuchte misst)',
  "not a TMP102: its … register can't hold …":
    'kein TMP102: sein Register {1} kann {2} nicht enthalten',
  'all bits read 0: the data line is held low, or the chip has no supply':
    'alle Bits sind 0: die Datenleitung wird auf Low gehalten, oder der Chip hat keine Versorgung',
  'all bits read 1: the chip does not drive the data line':
    'alle Bits sind 1: der Chip treibt die Datenleitung nicht',
  'all registers read 0: the data line is held low, or the chip has no supply':
    'alle Register sind 0: die Datenleitung wird auf Low gehalten, oder der Chip hat keine Versorgung',
  'the chip has lost its settings: it was reset, or another program has changed them':
    'der Chip hat seine Einstellungen verloren: er wurde zurückgesetzt, oder ein anderes Programm hat sie geändert',
  'the heater is on: another program has switched it on':
    'die Heizung ist eingeschaltet: ein anderes Programm hat sie eingeschaltet',
  'a conversion runs that was not asked for: another program uses the chip':
    'es läuft eine Messung, die nicht angefordert wurde: ein anderes Programm verwendet den Chip',
  'the chip has no resolution of … °C: its bits R1 and R0 do not stay':
    'der Chip hat keine Auflösung von {1} °C: seine Bits R1 und R0 bleiben nicht',
  'the conversion does not end': 'die Messung endet nicht',
  'the chip does not get ready': 'der Chip wird nicht bereit',
  'nothing was measured: the chip was reset in between':
    'nichts wurde gemessen: der Chip wurde dazwischen zurückgesetzt',
  'its calibration makes no sense': 'seine Kalibrierung ist unsinnig',
  'samples were lost: the bus is too busy':
    'Messwerte gingen verloren: der Bus ist zu stark belegt',
  'no 1-Wire bus on this machine (dtoverlay=w1-gpio in config.txt)':
    'kein 1-Wire-Bus an dieser Maschine (dtoverlay=w1-gpio in config.txt)',
  'no thermometer answers on 1-Wire': 'kein Thermometer antwortet auf 1-Wire',
  'no answer from … on 1-Wire': 'keine Antwort von {1} auf 1-Wire',
  'the thermometer does not answer on 1-Wire': 'das Thermometer antwortet auf 1-Wire nicht',
  'the answer comes from no thermometer: bits that never change are wrong':
    'die Antwort kommt von keinem Thermometer: Bits, die sich nie ändern, sind falsch',
  'the thermocouple is open or short-circuited':
    'das Thermoelement ist unterbrochen oder kurzgeschlossen',
  '… has … bits, not …: echo … > …': '{1} hat {2} Bits, nicht {3}: echo {4} > {5}',
  'there are … thermometers, say which by id: …':
    'es gibt {1} Thermometer, mit id angeben, welches: {2}',
  'the kernel gives no temperature': 'der Kernel liefert keine Temperatur',
  '… °C is also what the chip says before it has measured':
    '{1} °C meldet der Chip auch, bevor er gemessen hat',
  'no … …, there is …': 'kein {1} {2}, es gibt {3}',
  '… devices have the name … (…), say which with at: …':
    '{1} Geräte haben den Namen {2} ({3}), mit at angeben, welches: {4}',
  'no channel … in …': 'kein Kanal {1} in {2}',
  'in_…_raw has no scale, so it is not in …':
    'in_{1}_raw hat keine Skala und ist deshalb nicht in {2}',
  'no thermal zone on this machine': 'keine Thermalzone auf dieser Maschine',
  '… reports a fault': '{1} meldet einen Fehler',
  '… is no number: "…"': '{1} ist keine Zahl: „{2}“',
  '… has more than … bytes': '{1} hat mehr als {2} Bytes',
  'too many reads wait for …': 'zu viele Lesevorgänge warten auf {1}',
  '…: the gateway is stopping': '{1}: das Gateway hält an',
  'no thread for slow files': 'kein Thread für langsame Dateien',
  'the thread for slow files has ended': 'der Thread für langsame Dateien ist beendet',
  '/proc/stat has no line "cpu"': '/proc/stat hat keine Zeile „cpu“',
  '/proc/meminfo has no MemTotal or MemAvailable':
    '/proc/meminfo hat weder MemTotal noch MemAvailable',
  'the file system of … does not report its size':
    'das Dateisystem von {1} meldet seine Größe nicht',
  'no processor time has passed': 'es ist keine Prozessorzeit vergangen',
  '… … is also what the chip says before it has measured':
    '{1} {2} meldet der Chip auch, bevor er gemessen hat',
  "the voltage is outside the sensor's range of … to … V":
    'die Spannung ist außerhalb des Messbereichs von {1} bis {2} V',
  'mean since boot': 'Mittelwert seit dem Start',
  'no frequency stands out': 'keine Frequenz ragt heraus',
  'no time has passed': 'es ist keine Zeit vergangen',
  'over … s only': 'nur über {1} s',
  'waiting for two pulses': 'wartet auf zwei Impulse',
  '… pulses came too fast to be sampled; they are counted':
    '{1} Impulse kamen zu schnell zum Abtasten; sie sind gezählt',
  '… edges were missed since the start': '{1} Flanken wurden seit dem Start verpasst',
  '… edges were missed': '{1} Flanken wurden verpasst',
  'not referenced since the start: the position is not known':
    'seit dem Start nicht referenziert: die Position ist nicht bekannt',
  'another device has taken its number: …': 'ein anderes Gerät hat seine Nummer: {1}',
  'it follows … and takes no commands': 'er folgt {1} und nimmt keine Befehle an',
  'not referenced since the start: the shaft may have moved':
    'seit dem Start nicht referenziert: die Welle kann sich bewegt haben',
  'switched on by …': 'eingeschaltet von: {1}',
  'switched off by …': 'ausgeschaltet von: {1}',
  'switched on for … s by …': 'für {1} s eingeschaltet von: {2}',
  'switched off for … s by …': 'für {1} s ausgeschaltet von: {2}',
  'switched on, …': 'geht an: {1}',
  'switched off, …': 'geht aus: {1}',
  'as before the restart': 'wie vor dem Neustart',
  'as it follows …': 'folgt {1}',
  'the gateway': 'das Gateway',
  'user "…", client "…"': 'Benutzer „{1}“, Client „{2}“',
  'client "…"': 'Client „{1}“',
};
