/* Sealed answers on OpenSSL 3 (libcrypto): a key pair, its fingerprint, opening an answer. Yours to copy and to change. */
#ifndef SEALING_H
#define SEALING_H
#include <stddef.h>

enum { SEALING_KEY = 32, SEALING_PUBLIC = 44, SEALING_FINGERPRINT = 40 };

/* Write what a call carries as publicKey, and what a display shows, of the 32 random bytes of a private key, which are
 * to be kept like a password. 0 if it cannot be done. */
int sealing_show(const unsigned char key[SEALING_KEY], char public_key[SEALING_PUBLIC],
                 char fingerprint[SEALING_FINGERPRINT]);

/* Write the JSON text in a sealed answer, ended by a zero. 0 if it was not made for this key and this device, was
 * changed on its way, or is longer than `size`; then there is nothing in `text`. */
int sealing_open(const unsigned char key[SEALING_KEY], const char *device_id, const char *sealed, char *text, size_t size);

#endif
