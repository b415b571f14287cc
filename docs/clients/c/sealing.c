/*
 * Sealed answers on OpenSSL 3 (libcrypto): RFC 9180 HPKE in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
 * AES-128-GCM, opening one message. OpenSSL has all of HPKE from 3.2 on (OSSL_HPKE_open); this needs 3.0, and its four
 * parts, X25519, SHA-256, HMAC and AES-GCM, are in mbedTLS too. Check changes with vectors/sealed.json.
 */
#include "sealing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASH = 32, TAG = 16, LONGEST = 2048 };

struct bytes { const void *at; size_t length; };
#define TEXT_OF(text) ((struct bytes){(text), strlen(text)})
static const struct bytes NOTHING = {"", 0}, KEM = {"KEM\0\x20", 5}, HPKE = {"HPKE\0\x20\0\x01\0\x01", 10};

/* HMAC-SHA256 over all parts, one after the other; 0 if it cannot be done. */
static int hmac(unsigned char into[HASH], struct bytes key, const struct bytes *parts, size_t count) {
    unsigned char all[LONGEST];
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].length > sizeof all - length) return 0;
        memcpy(all + length, parts[i].at, parts[i].length);
        length += parts[i].length;
    }
    int done = HMAC(EVP_sha256(), key.at, (int)key.length, all, length, into, NULL) != NULL;
    OPENSSL_cleanse(all, length);
    return done;
}

/* LabeledExtract and LabeledExpand (RFC 9180, section 4). 32 bytes at most, so that one round of HKDF does. */
static int extract(unsigned char into[HASH], struct bytes suite, struct bytes salt, const char *label, struct bytes what) {
    struct bytes parts[] = {TEXT_OF("HPKE-v1"), suite, TEXT_OF(label), what};
    return hmac(into, salt, parts, 4);
}

static int expand(unsigned char *into, unsigned char length, struct bytes suite, const unsigned char key[HASH],
                  const char *label, struct bytes info) {
    const unsigned char size[] = {0, length};
    unsigned char whole[HASH];
    struct bytes parts[] = {{size, 2}, TEXT_OF("HPKE-v1"), suite, TEXT_OF(label), info, {"\x01", 1}};
    int done = hmac(whole, (struct bytes){key, HASH}, parts, 6);
    if (done) memcpy(into, whole, length);
    OPENSSL_cleanse(whole, sizeof whole);
    return done;
}

static int public_of(const unsigned char key[SEALING_KEY], unsigned char into[SEALING_KEY]) {
    size_t length = SEALING_KEY;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, SEALING_KEY);
    int done = pair && EVP_PKEY_get_raw_public_key(pair, into, &length) == 1 && length == SEALING_KEY;
    EVP_PKEY_free(pair);
    return done;
}

/* The X25519 exchange. OpenSSL refuses points of low order; another library may not: then compare with 32 zeros. */
static int exchange(const unsigned char key[SEALING_KEY], const unsigned char theirs[SEALING_KEY], unsigned char *into) {
    size_t length = SEALING_KEY;
    EVP_PKEY *ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, SEALING_KEY);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, SEALING_KEY);
    EVP_PKEY_CTX *work = ours ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
    int done = peer && work && EVP_PKEY_derive_init(work) == 1 && EVP_PKEY_derive_set_peer(work, peer) == 1 &&
               EVP_PKEY_derive(work, into, &length) == 1 && length == SEALING_KEY;
    EVP_PKEY_CTX_free(work);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(ours);
    return done;
}

static int decrypt(const unsigned char key[16], const unsigned char nonce[12], const unsigned char *sealed, size_t length,
                   unsigned char *into) {
    int some = 0, rest = 0;
    EVP_CIPHER_CTX *work = EVP_CIPHER_CTX_new();
    int done = work && EVP_DecryptInit_ex(work, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
               EVP_DecryptUpdate(work, into, &some, sealed, (int)length) == 1 &&
               EVP_CIPHER_CTX_ctrl(work, EVP_CTRL_AEAD_SET_TAG, TAG, (void *)(sealed + length)) == 1 &&
               EVP_DecryptFinal_ex(work, into + some, &rest) == 1;
    EVP_CIPHER_CTX_free(work);
    return done;
}

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* base64url without padding; -1 for anything else. */
static long from_base64url(const char *text, unsigned char *into) {
    unsigned long bits = 0;
    int held = 0;
    unsigned char *next = into;
    for (; *text; text++) {
        const char *letter = strchr(LETTERS, *text);
        if (!letter) return -1;
        bits = (bits << 6 | (unsigned long)(letter - LETTERS)) & 0xfff;
        held += 6;
        if (held >= 8) *next++ = (unsigned char)(bits >> (held -= 8));
    }
    return held < 6 && !(bits & ((1UL << held) - 1)) ? next - into : -1;
}

int sealing_show(const unsigned char key[SEALING_KEY], char public_key[SEALING_PUBLIC],
                 char fingerprint[SEALING_FINGERPRINT]) {
    unsigned char raw[SEALING_KEY + 1] = {0}, hash[HASH];
    if (!public_of(key, raw) || !EVP_Digest(raw, SEALING_KEY, hash, NULL, EVP_sha256(), NULL)) return 0;
    for (int i = 0; i < SEALING_PUBLIC - 1; i++) {
        unsigned pair = (unsigned)raw[i * 6 / 8] << 8 | raw[i * 6 / 8 + 1];
        public_key[i] = LETTERS[pair >> (10 - i * 6 % 8) & 63];
    }
    public_key[SEALING_PUBLIC - 1] = '\0';
    for (int i = 0; i < 8; i++) sprintf(fingerprint + 5 * i, i < 7 ? "%02x%02x " : "%02x%02x", hash[2 * i], hash[2 * i + 1]);
    return 1;
}

int sealing_open(const unsigned char key[SEALING_KEY], const char *device_id, const char *sealed, char *text,
                 size_t size) {
    unsigned char secrets[6][HASH], both[2 * SEALING_KEY], context[1 + 2 * HASH] = {0}, *raw = malloc(strlen(sealed) + 1);
    unsigned char *exchanged = secrets[0], *prk = secrets[1], *shared = secrets[2], *secret = secrets[3];
    unsigned char *aes = secrets[4], *nonce = secrets[5];
    char info[1100];
    int put = snprintf(info, sizeof info, "bootstrap/v1/%s", device_id);
    long length = raw ? from_base64url(sealed, raw) : -1, plain = length - SEALING_KEY - TAG;
    int opened = put > 0 && (size_t)put < sizeof info && plain >= 0 && (size_t)plain < size;
    if (opened) {
        memcpy(both, raw, SEALING_KEY); /* enc */
        opened = public_of(key, both + SEALING_KEY) && exchange(key, raw, exchanged) &&
                 extract(prk, KEM, NOTHING, "eae_prk", (struct bytes){exchanged, HASH}) &&
                 expand(shared, HASH, KEM, prk, "shared_secret", (struct bytes){both, sizeof both}) &&
                 extract(context + 1, HPKE, NOTHING, "psk_id_hash", NOTHING) &&
                 extract(context + 1 + HASH, HPKE, NOTHING, "info_hash", TEXT_OF(info)) &&
                 extract(secret, HPKE, (struct bytes){shared, HASH}, "secret", NOTHING) &&
                 expand(aes, 16, HPKE, secret, "key", (struct bytes){context, sizeof context}) &&
                 expand(nonce, 12, HPKE, secret, "base_nonce", (struct bytes){context, sizeof context}) &&
                 decrypt(aes, nonce, raw + SEALING_KEY, (size_t)plain, (unsigned char *)text);
    }
    if (size) text[opened ? plain : 0] = '\0';
    if (!opened && size) OPENSSL_cleanse(text, size);
    OPENSSL_cleanse(secrets, sizeof secrets);
    free(raw);
    return opened;
}
