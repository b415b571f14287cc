#!/usr/bin/env node
/*
 * A device on mqtt.js and MQTT 5: calls in until it is accepted, keeps its credentials, logs in with them, says what it
 * is, sends readings and hears commands. Yours to copy and to change.
 *
 *   client.js DEVICE_ID FOLDER
 *
 * FOLDER is the memory of the device. The factory puts in bootstrap.json (where the brokers are, and the shared login)
 * and, if a token is printed on the label, the file token. The client adds client-id, key and credentials.json.
 * READINGS (3; 0 is no end), INTERVAL (10 seconds) and REFUSALS (10 refused logins before it gives up) may be set.
 */
"use strict";

const crypto = require("node:crypto");
const events = require("node:events");
const fs = require("node:fs");
const path = require("node:path");
const mqtt = require("mqtt");
const sealing = require("./sealing.js");

const READINGS = Number(process.env.READINGS ?? 3);
const INTERVAL = Number(process.env.INTERVAL ?? 10);
const REFUSALS = Number(process.env.REFUSALS ?? 10);
const A_DAY = 86400; // seconds that the operations broker keeps commands for a device that is away

const [id, folder] = process.argv.slice(2);
const say = (text) => console.log(`${id}: ${text}`);
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/* What the operator has to set right; repeating would not help. */
class Fault extends Error {}

/* One connection, subscribed to one topic. It is never mended: when it ends, the caller makes another. */
class Connection {
  /* Connect and subscribe; the promise is broken if the broker cannot be reached or refuses. */
  static async open(settings, port, login, topic, session = 0) {
    const connection = new Connection();
    const client = (connection.client = mqtt.connect({
      ...{ host: settings.host, port, protocol: settings.tls ? "mqtts" : "mqtt" },
      ...(settings.tls ? { ca: fs.readFileSync(path.resolve(folder, settings.tls.caFile)) } : {}),
      ...{ protocolVersion: 5, keepalive: 60, connectTimeout: 10_000, reconnectPeriod: 0 },
      ...{ clientId: login.clientId, username: login.username, password: login.password },
      ...{ clean: session === 0, properties: { sessionExpiryInterval: session } },
    }));
    client.on("message", (from, payload) => connection.#tell({ topic: from, payload: payload.toString() }));
    client.on("error", (error) => connection.#tell({ lost: error }));
    client.on("close", () => connection.#tell({ lost: new Error("the connection has ended") }));
    try {
      await connection.#unlessLost(events.once(client, "connect"));
      await connection.#unlessLost(client.subscribeAsync(topic, { qos: 1 }));
    } catch (error) {
      client.end(true);
      throw error;
    }
    return connection;
  }

  #heard = [];
  #waiting = null;

  #tell(event) {
    this.#heard.push(event);
    this.#waiting?.();
  }

  /* What `doing` comes to, unless the connection ends before. */
  async #unlessLost(doing) {
    const ended = new AbortController();
    const lost = events.once(this.client, "close", { signal: ended.signal }).then(() => {
      throw new Error("the connection has ended");
    });
    try {
      return await Promise.race([doing, lost]);
    } finally {
      lost.catch(() => {}); // nobody asks any more
      ended.abort();
    }
  }

  /* Publish at QoS 1; the promise is kept when the broker has the message. */
  publish(topic, message) {
    return this.#unlessLost(this.client.publishAsync(topic, JSON.stringify(message), { qos: 1 }));
  }

  /* The next message before `until` (milliseconds since 1970), or null. */
  async hear(until) {
    if (this.#heard.length === 0) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, until - Date.now()));
        this.#waiting = () => (clearTimeout(timer), resolve());
      });
      this.#waiting = null;
    }
    const event = this.#heard.shift() ?? null;
    if (event?.lost) throw event.lost;
    return event;
  }

  close() {
    return this.client.endAsync();
  }
}

/* Write a file for nobody else, so that a power cut leaves either all of it or nothing. */
function store(name, text) {
  const file = path.join(folder, name);
  fs.rmSync(`${file}.new`, { force: true });
  fs.writeFileSync(`${file}.new`, text, { mode: 0o600, flag: "wx" });
  const written = fs.openSync(`${file}.new`, "r+");
  fs.fsyncSync(written);
  fs.closeSync(written);
  fs.renameSync(`${file}.new`, file);
  const directory = fs.openSync(folder, "r");
  fs.fsyncSync(directory);
  fs.closeSync(directory);
}

/* What the file holds, without white space at its ends; null if there is none. */
function stored(name) {
  const file = path.join(folder, name);
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim() : null;
}

/* Make connections until `live` has done what it does on one: longer pauses each time, and never all devices at once. */
async function insist(name, open, live) {
  let longest = 2;
  let refused = 0;
  for (;;) {
    let connection = null;
    try {
      connection = await open();
      longest = 2;
      refused = 0;
      return await live(connection);
    } catch (error) {
      if (error instanceof Fault) throw error;
      const isRefusal = name === "operations" && (error.code === 134 || error.code === 135); // the login, or its client id
      if (isRefusal && ++refused === REFUSALS) {
        throw new Fault(
          "the stored login is refused. Was this device deleted? Then register it again, " +
            `remove ${path.resolve(folder, "credentials.json")} and start this again`,
        );
      }
      say(
        isRefusal
          ? `the login is refused (attempt ${refused} of ${REFUSALS})`
          : `no connection to the ${name} broker (${error.message}); trying again`,
      );
    } finally {
      await connection?.close().catch(() => {}); // it may have ended already
    }
    await sleep((longest * (1 + Math.random())) / 2);
    longest = Math.min(60, longest * 2);
  }
}

/* First contact: the same private call, again and again, until the credentials have come. */
async function bootstrap(settings, prefix) {
  if (!stored("client-id")) store("client-id", crypto.randomBytes(16).toString("base64url"));
  if (!stored("key")) store("key", crypto.randomBytes(32).toString("hex"));
  const clientId = stored("client-id");
  const key = new sealing.Key(Buffer.from(stored("key"), "hex"));
  const token = stored("token");
  const request = { publicKey: key.publicKey, ...(token ? { securityToken: token } : {}) };
  say(`the fingerprint of the key is ${key.fingerprint}`);
  const topic = `${prefix}bootstrap/${id}`;
  say(`calling in at ${settings.host}:${settings.bootstrapPort}`);
  const answer = await insist(
    "bootstrap",
    () =>
      Connection.open(
        settings,
        settings.bootstrapPort,
        { ...settings.bootstrap, clientId },
        `${topic}/response/${clientId}`,
      ),
    (connection) => call(connection, `${topic}/request/${clientId}`, request, key),
  );
  store("credentials.json", JSON.stringify(answer));
  fs.rmSync(path.join(folder, "client-id"));
  fs.rmSync(path.join(folder, "key"));
  say(`accepted; the credentials are in ${path.resolve(folder, "credentials.json")}`);
}

/* Call on this connection until the answer is an acceptance, and return that. */
async function call(connection, topic, request, key) {
  let retryAfter = 30;
  let told = false;
  for (;;) {
    const called = Date.now();
    await connection.publish(topic, request);
    let message;
    while ((message = await connection.hear(called + retryAfter * 1000))) {
      const answer = JSON.parse(message.payload);
      if (answer.status === "ACCEPTED") {
        const opened = credentials(answer, key);
        if (opened) return opened;
        continue;
      }
      if (answer.status === "ERROR") throw new Fault(`the call is not understood: ${answer.message}`);
      retryAfter = answer.retryAfter;
      if (!told) say(`waiting to be accepted; calling again every ${retryAfter} seconds`);
      told = true;
    }
  }
}

/* What is sealed in the answer; null if it is from somebody else, or for somebody else. */
function credentials(answer, key) {
  try {
    return JSON.parse(key.open(id, answer.sealed));
  } catch {
    say("an answer that does not open with the key of this device is ignored");
    return null;
  }
}

/* Life with credentials of one's own, until all readings are sent. */
async function operate(settings, prefix) {
  const credentials = JSON.parse(stored("credentials.json"));
  const top = `${prefix}devices/${credentials.tenant}/${id}`;
  let sent = 0;
  await insist(
    "operations",
    () => Connection.open(settings, settings.port, credentials, `${top}/commands/#`, A_DAY),
    async (connection) => {
      await connection.publish(`${top}/info`, { type: "example_Sensor", firmware: "1.0.0" });
      say(`logged in as ${credentials.username} and sent info`);
      while (READINGS === 0 || sent < READINGS) {
        await connection.publish(`${top}/telemetry`, { reading: sent + 1, celsius: 21.5 });
        sent += 1;
        say(`sent reading ${sent}`);
        const due = Date.now() + INTERVAL * 1000;
        let message;
        while ((message = await connection.hear(due))) say(`command ${message.topic} ${message.payload}`);
      }
    },
  );
  say("done");
}

async function main() {
  if (!id || !folder) {
    console.error("usage: client.js DEVICE_ID FOLDER");
    return 2;
  }
  try {
    const found = stored("bootstrap.json");
    if (!found) throw new Fault(`there is no ${folder}/bootstrap.json: copy the one that bootstrap-bridge wrote`);
    const settings = JSON.parse(found);
    const prefix = settings.topicPrefix ? `${settings.topicPrefix}/` : "";
    if (!stored("credentials.json")) await bootstrap(settings, prefix);
    await operate(settings, prefix);
    return 0;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    console.error(`${id}: ${error.message}`);
    return 1;
  }
}

main().then((status) => process.exit(status));
