/*
 * A device on libmosquitto and MQTT 3.1.1: calls in until it is accepted, keeps its credentials, logs in with them, says
 * what it is, sends readings and hears commands. Yours to copy and to change.
 *
 *   cc client.c sealing.c -o client -lmosquitto -lcrypto
 *   client DEVICE_ID FOLDER
 *
 * FOLDER is the memory of the device. The factory puts in bootstrap.json (where the brokers are, and the shared login)
 * and, if a token is printed on the label, the file token. The client adds client-id, key and credentials.json.
 * READINGS (3; 0 is no end), INTERVAL (10 seconds) and REFUSALS (10 refused logins before it gives up) may be set.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sealing.h"

enum { TEXT = 1024, TOPIC = 2048, PAYLOAD = 16384 };

static const char *id, *folder;
static char host[TEXT], prefix[TEXT], authority[TEXT];

static void say(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    printf("%s: ", id);
    vprintf(format, rest);
    putchar('\n');
    fflush(stdout);
    va_end(rest);
}

static void fail(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    fprintf(stderr, "%s: ", id);
    vfprintf(stderr, format, rest);
    fputc('\n', stderr);
    va_end(rest);
    exit(1);
}

/* Put a text together, or end: half a topic or half a password is worse than none. */
static void compose(char *into, size_t size, const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    int length = vsnprintf(into, size, format, rest);
    va_end(rest);
    if (length < 0 || (size_t)length >= size) fail("a text is longer than the %zu bytes there are for it", size);
}

/* ---- The memory: small files in the working directory ---- */

/* Read a file as a text without white space at its end; false if there is none. */
static bool stored(const char *name, char *into, size_t size) {
    FILE *file = fopen(name, "r");
    if (!file) return false;
    size_t length = fread(into, 1, size - 1, file);
    fclose(file);
    while (length && strchr(" \t\r\n", into[length - 1])) length--;
    into[length] = '\0';
    return length > 0;
}

/* Write a file for nobody else, so that a power cut leaves either all of it or nothing. */
static void store(const char *name, const char *text) {
    char fresh[TEXT];
    compose(fresh, sizeof fresh, "%s.new", name);
    unlink(fresh);
    int file = open(fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
    ssize_t length = (ssize_t)strlen(text);
    if (file < 0 || write(file, text, length) != length || fsync(file) || close(file) || rename(fresh, name))
        fail("%s cannot be written: %s", name, strerror(errno));
    int here = open(".", O_RDONLY);
    if (here < 0 || fsync(here) || close(here)) fail("%s cannot be made durable: %s", name, strerror(errno));
}

/* ---- JSON, as much of it as there is on this wire ---- */

/* Where the value of a member begins, whatever object it is in; NULL if there is none. */
static const char *member(const char *json, const char *name) {
    char quoted[64];
    compose(quoted, sizeof quoted, "\"%s\"", name);
    for (const char *at = json; (at = strstr(at, quoted)); at++) {
        const char *value = at + strlen(quoted);
        value += strspn(value, " \t\r\n");
        if (*value == ':') return value + 1 + strspn(value + 1, " \t\r\n");
    }
    return NULL;
}

/* Copy a member that is a string; false if there is none. What we read holds no quotation marks or escapes. */
static bool text_of(const char *json, const char *name, char *into, size_t size) {
    const char *value = member(json, name);
    if (!value || *value != '"') return false;
    compose(into, size, "%.*s", (int)strcspn(value + 1, "\"\\"), value + 1);
    return value[1 + strlen(into)] == '"';
}

static int number_of(const char *json, const char *name) {
    const char *value = member(json, name);
    return value ? atoi(value) : 0;
}

/* Copy a text with what JSON needs escaped. */
static void escape(char *into, size_t size, const char *text) {
    size_t used = 0;
    for (; *text && used + 7 < size; text++) {
        if ((unsigned char)*text < ' ') used += (size_t)sprintf(into + used, "\\u%04x", *text);
        else {
            if (strchr("\"\\", *text)) into[used++] = '\\';
            into[used++] = *text;
        }
    }
    into[used] = '\0';
}

/* ---- One connection at a time ---- */

struct login { int port; const char *user, *password, *client_id, *topic; bool clean; };

static struct {
    bool subscribed;   /* the broker has our subscription */
    int acknowledged;  /* the number of the last message that the broker has */
    int refusal;       /* why the broker did not let us in, or 0 */
    void (*hear)(const char *topic, const char *payload);
} now;

static void on_connect(struct mosquitto *line, void *login, int reason) {
    now.refusal = reason;
    if (!reason) mosquitto_subscribe(line, NULL, ((struct login *)login)->topic, 1);
}

static void on_subscribe(struct mosquitto *line, void *login, int number, int count, const int *granted) {
    (void)line, (void)login, (void)number;
    now.subscribed = count > 0 && granted[0] < 128;
}

static void on_publish(struct mosquitto *line, void *login, int number) {
    (void)line, (void)login;
    now.acknowledged = number;
}

static void on_message(struct mosquitto *line, void *login, const struct mosquitto_message *message) {
    (void)line, (void)login;
    char *payload = calloc(1, (size_t)message->payloadlen + 1);
    if (!payload) fail("no memory for a message of %d bytes", message->payloadlen);
    if (message->payloadlen) memcpy(payload, message->payload, (size_t)message->payloadlen);
    now.hear(message->topic, payload);
    free(payload);
}

static double clock_now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* Let the library work until `done` or so many seconds are over; false if the connection has ended. */
static bool serve(struct mosquitto *line, double seconds, const bool *done) {
    for (double until = clock_now() + seconds; !*done && clock_now() < until;)
        if (mosquitto_loop(line, 100, 1) != MOSQ_ERR_SUCCESS) return false;
    return true;
}

/* Connect and subscribe; NULL if that fails. */
static struct mosquitto *dial(struct login *login) {
    struct mosquitto *line = mosquitto_new(login->client_id, login->clean, login);
    if (!line) fail("no client can be made: %s", strerror(errno));
    mosquitto_username_pw_set(line, login->user, login->password);
    if (*authority && mosquitto_tls_set(line, authority, NULL, NULL, NULL, NULL)) fail("%s is no use", authority);
    mosquitto_connect_callback_set(line, on_connect);
    mosquitto_subscribe_callback_set(line, on_subscribe);
    mosquitto_publish_callback_set(line, on_publish);
    mosquitto_message_callback_set(line, on_message);
    now.subscribed = false;
    now.acknowledged = now.refusal = 0;
    int failure = mosquitto_connect(line, host, login->port, 60);
    if (!failure && serve(line, 10, &now.subscribed) && now.subscribed) return line;
    if (!now.refusal) say("%s:%d cannot be used: %s", host, login->port,
                          failure ? mosquitto_strerror(failure) : "the broker has closed or does not answer");
    mosquitto_destroy(line);
    return NULL;
}

/* Publish at QoS 1; true when the broker has it. */
static bool publish(struct mosquitto *line, const char *topic, const char *payload) {
    int number;
    bool never = false;
    if (mosquitto_publish(line, &number, topic, (int)strlen(payload), payload, 1, false)) return false;
    for (double until = clock_now() + 10; now.acknowledged != number && clock_now() < until;)
        if (!serve(line, 0.1, &never)) return false;
    return now.acknowledged == number;
}

static void hang_up(struct mosquitto *line) {
    mosquitto_disconnect(line);
    mosquitto_loop(line, 100, 1);
    mosquitto_destroy(line);
}

static void draw(unsigned char *into, size_t size) {
    FILE *source = fopen("/dev/urandom", "r");
    if (!source || fread(into, 1, size, source) != size) fail("/dev/urandom gives nothing");
    fclose(source);
}

/* Wait before another attempt: longer each time, up to a minute, and never all devices at once. */
static int backoff = 1;
static void pause_a_while(void) {
    unsigned char chance;
    draw(&chance, 1);
    double seconds = backoff * (1 + chance / 255.0);
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
    backoff = backoff < 16 ? backoff * 2 : 30;
}

/* ---- First contact: the same private call, again and again, until the credentials have come ---- */

static bool accepted, told;
static int retry_after = 30;
static unsigned char key[SEALING_KEY]; /* the credentials come sealed for it */

static void hear_answer(const char *topic, const char *payload) {
    (void)topic;
    static char sealed[2 * PAYLOAD], opened[PAYLOAD];
    char status[TEXT] = "", text[TEXT] = "";
    text_of(payload, "status", status, sizeof status);
    if (!strcmp(status, "ACCEPTED")) {
        /* Whatever is not sealed for this key is from somebody else, or for somebody else. */
        if (!text_of(payload, "sealed", sealed, sizeof sealed) || !sealing_open(key, id, sealed, opened, sizeof opened)) {
            say("an answer that does not open with the key of this device is ignored");
            return;
        }
        if (!text_of(opened, "password", text, sizeof text)) fail("accepted, but there is no password in the answer");
        store("credentials.json", opened);
        accepted = true;
    } else if (!strcmp(status, "PENDING_ACCEPTANCE")) {
        if (number_of(payload, "retryAfter") > 0) retry_after = number_of(payload, "retryAfter");
        if (!told) say("waiting to be accepted; calling again every %d seconds", retry_after);
        told = true;
    } else if (!strcmp(status, "ERROR")) {
        text_of(payload, "message", text, sizeof text);
        fail("the call is not understood: %s", text);
    }
}

/* Read the key pair of the call, or draw it. */
static void have_key(char public_key[SEALING_PUBLIC]) {
    char hex[TEXT], fingerprint[SEALING_FINGERPRINT];
    if (!stored("key", hex, sizeof hex)) {
        draw(key, sizeof key);
        for (size_t i = 0; i < sizeof key; i++) sprintf(hex + 2 * i, "%02x", key[i]);
        store("key", hex);
    }
    for (size_t i = 0; i < sizeof key; i++)
        if (sscanf(hex + 2 * i, "%2hhx", &key[i]) != 1) fail("the file key is damaged: remove it and client-id");
    if (!sealing_show(key, public_key, fingerprint)) fail("there is no X25519 here");
    say("the fingerprint of the key is %s", fingerprint);
}

static void bootstrap(const char *settings) {
    char client_id[TEXT], token[2 * TEXT], escaped[PAYLOAD], request[PAYLOAD + 128], public_key[SEALING_PUBLIC];
    char user[TEXT], password[TEXT], topic[TOPIC], answers[TOPIC];
    if (!stored("client-id", client_id, sizeof client_id)) {
        unsigned char bytes[16];
        draw(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++) sprintf(client_id + 2 * i, "%02x", bytes[i]);
        store("client-id", client_id);
    }
    have_key(public_key);
    compose(request, sizeof request, "{\"publicKey\":\"%s\"}", public_key);
    if (stored("token", token, sizeof token)) {
        escape(escaped, sizeof escaped, token);
        compose(request, sizeof request, "{\"publicKey\":\"%s\",\"securityToken\":\"%s\"}", public_key, escaped);
    }
    compose(topic, sizeof topic, "%sbootstrap/%s/request/%s", prefix, id, client_id);
    compose(answers, sizeof answers, "%sbootstrap/%s/response/%s", prefix, id, client_id);
    if (!text_of(settings, "username", user, sizeof user) || !text_of(settings, "password", password, sizeof password))
        fail("bootstrap.json names no username and password");
    struct login login = {number_of(settings, "bootstrapPort"), user, password, client_id, answers, true};
    say("calling in at %s:%d", host, login.port);
    now.hear = hear_answer;
    while (!accepted) {
        struct mosquitto *line = dial(&login);
        if (now.refusal) say("the bootstrap login is refused: %s", mosquitto_connack_string(now.refusal));
        while (line && !accepted && publish(line, topic, request)) {
            double called = clock_now();
            bool connected = true;
            while (connected && !accepted && clock_now() < called + retry_after)
                connected = serve(line, 0.5, &accepted); /* the answer may change retry_after */
            if (!connected) break;
            backoff = 1;
        }
        if (line) hang_up(line);
        if (!accepted) pause_a_while();
    }
    unlink("client-id");
    unlink("key");
    say("accepted; the credentials are in %s/credentials.json", folder);
}

/* ---- Life with credentials of one's own: the client id is the device id ---- */

static void hear_command(const char *topic, const char *payload) { say("command %s %s", topic, payload); }

static int option(const char *name, int otherwise) { return getenv(name) ? atoi(getenv(name)) : otherwise; }

static void operate(const char *settings, const char *credentials) {
    const int readings = option("READINGS", 3), interval = option("INTERVAL", 10), refusals = option("REFUSALS", 10);
    char tenant[TEXT], password[TEXT], user[TEXT], info[TOPIC], telemetry[TOPIC], commands[TOPIC], reading[TEXT];
    if (!text_of(credentials, "tenant", tenant, sizeof tenant) ||
        !text_of(credentials, "password", password, sizeof password))
        fail("credentials.json is damaged: remove it, have the device registered again, and start this again");
    compose(user, sizeof user, "%s/device_%s", tenant, id);
    compose(info, sizeof info, "%sdevices/%s/%s/info", prefix, tenant, id);
    compose(telemetry, sizeof telemetry, "%sdevices/%s/%s/telemetry", prefix, tenant, id);
    compose(commands, sizeof commands, "%sdevices/%s/%s/commands/#", prefix, tenant, id);
    /* Not a clean session: the broker keeps commands for a device that is away. */
    struct login login = {number_of(settings, "port"), user, password, id, commands, false};
    bool never = false;
    now.hear = hear_command;
    backoff = 1;
    for (int sent = 0, refused = 0; !readings || sent < readings;) {
        struct mosquitto *line = dial(&login);
        if (now.refusal) { /* it may be for a moment, while the account is on its way */
            if (++refused == refusals)
                fail("the stored login is refused. Was this device deleted? Then register it again, "
                     "remove %s/credentials.json and start this again", folder);
            say("the login is refused (attempt %d of %d)", refused, refusals);
        }
        if (line && publish(line, info, "{\"type\":\"example_Sensor\",\"firmware\":\"1.0.0\"}")) {
            say("logged in as %s and sent info", user);
            refused = 0;
            backoff = 1;
            while (!readings || sent < readings) {
                compose(reading, sizeof reading, "{\"reading\":%d,\"celsius\":21.5}", sent + 1);
                if (!publish(line, telemetry, reading)) break;
                say("sent reading %d", ++sent);
                if (!serve(line, interval, &never)) break;
            }
        }
        if (line) hang_up(line);
        if (!readings || sent < readings) pause_a_while();
    }
    say("done");
}

int main(int count, char **words) {
    char settings[PAYLOAD], credentials[PAYLOAD], path[TEXT];
    if (count != 3) {
        fprintf(stderr, "usage: client DEVICE_ID FOLDER\n");
        return 2;
    }
    id = words[1];
    folder = words[2];
    if (chdir(folder)) fail("%s cannot be entered: %s", folder, strerror(errno));
    if (!stored("bootstrap.json", settings, sizeof settings))
        fail("there is no %s/bootstrap.json: copy the one that bootstrap-bridge wrote", folder);
    if (!text_of(settings, "host", host, sizeof host)) fail("bootstrap.json names no host");
    if (text_of(settings, "topicPrefix", path, sizeof path) && *path) compose(prefix, sizeof prefix, "%s/", path);
    text_of(settings, "caFile", authority, sizeof authority);
    mosquitto_lib_init();
    if (!stored("credentials.json", credentials, sizeof credentials)) {
        bootstrap(settings);
        stored("credentials.json", credentials, sizeof credentials);
    }
    operate(settings, credentials);
    mosquitto_lib_cleanup();
    return 0;
}
