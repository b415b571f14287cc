/* For each line "private key in hex, device id, sealed": what the device shows, and what the C client opens, in hex. */
#include <stdio.h>
#include <string.h>

#include "sealing.h"

static char line[65536], text[65536];

int main(void) {
    while (fgets(line, sizeof line, stdin)) {
        char *key = strtok(line, " \n"), *device_id = strtok(NULL, " \n"), *sealed = strtok(NULL, " \n");
        char public_key[SEALING_PUBLIC], fingerprint[SEALING_FINGERPRINT];
        unsigned char raw[SEALING_KEY];
        for (int i = 0; i < SEALING_KEY; i++) {
            unsigned value;
            if (sscanf(key + 2 * i, "%2x", &value) != 1) return 1;
            raw[i] = (unsigned char)value;
        }
        if (!sealing_show(raw, public_key, fingerprint)) return 1;
        printf("%s|%s|", public_key, fingerprint);
        if (sealing_open(raw, device_id, sealed ? sealed : "", text, sizeof text))
            for (const char *at = text; *at; at++) printf("%02x", (unsigned char)*at);
        else
            printf("no");
        putchar('\n');
    }
    return 0;
}
