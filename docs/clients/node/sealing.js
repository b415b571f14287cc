/*
 * Sealed answers on what Node.js has itself: a key pair, its fingerprint, and RFC 9180 HPKE in base mode with
 * DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-128-GCM, opening one message. Yours to copy and to change; check
 * changes with vectors/sealed.json.
 */
"use strict";

const crypto = require("node:crypto");

const KEM = Buffer.from("KEM\0\x20", "latin1");
const HPKE = Buffer.from("HPKE\0\x20\0\x01\0\x01", "latin1");
/* What stands before the 32 bytes of a key in DER (RFC 8410); Node.js takes no bare ones. */
const PRIVATE = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC = Buffer.from("302a300506032b656e032100", "hex");

const joined = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const hmac = (key, data) => crypto.createHmac("sha256", key).update(data).digest();

/* LabeledExtract and LabeledExpand of RFC 9180, section 4; 32 bytes at most, so that one round of HKDF does. */
const extract = (suite, salt, label, material) => hmac(salt, joined("HPKE-v1", suite, label, material));
const expand = (suite, key, label, info, length) =>
  hmac(key, joined([0, length], "HPKE-v1", suite, label, info, [1])).subarray(0, length);

class Key {
  /* The key pair of these 32 bytes, which are to be kept like a password; without them, of fresh ones. */
  constructor(raw = crypto.randomBytes(32)) {
    this.raw = raw;
    this.private = crypto.createPrivateKey({ key: joined(PRIVATE, raw), format: "der", type: "pkcs8" });
    this.public = crypto.createPublicKey(this.private).export({ format: "der", type: "spki" }).subarray(-32);
  }

  /* What a call carries. */
  get publicKey() {
    return this.public.toString("base64url");
  }

  /* What a display shows: 32 hex digits in groups of four. */
  get fingerprint() {
    return crypto.createHash("sha256").update(this.public).digest("hex").slice(0, 32).match(/.{4}/g).join(" ");
  }

  /* The text in a sealed answer; throws if it was not made for this key and this device, or was changed. */
  open(deviceId, sealed) {
    const raw = Buffer.from(sealed, "base64url");
    if (raw.length < 48) throw new Error("the sealed answer is too short");
    const [enc, ciphertext, tag] = [raw.subarray(0, 32), raw.subarray(32, -16), raw.subarray(-16)];
    const theirs = crypto.createPublicKey({ key: joined(PUBLIC, enc), format: "der", type: "spki" });
    const exchanged = crypto.diffieHellman({ privateKey: this.private, publicKey: theirs });
    const both = joined(enc, this.public);
    const shared = expand(KEM, extract(KEM, "", "eae_prk", exchanged), "shared_secret", both, 32);
    const info = extract(HPKE, "", "info_hash", `bootstrap/v1/${deviceId}`);
    const context = joined([0], extract(HPKE, "", "psk_id_hash", ""), info);
    const secret = extract(HPKE, shared, "secret", "");
    const [key, nonce] = [expand(HPKE, secret, "key", context, 16), expand(HPKE, secret, "base_nonce", context, 12)];
    const opening = crypto.createDecipheriv("aes-128-gcm", key, nonce, { authTagLength: 16 }).setAuthTag(tag);
    return Buffer.concat([opening.update(ciphertext), opening.final()]).toString();
  }
}

module.exports = { Key };
