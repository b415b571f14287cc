#!/bin/sh
# A device on mosquitto_pub and mosquitto_sub: calls in until it is accepted, keeps its credentials, logs in with them,
# says what it is, sends readings and hears commands. Yours to copy and to change.
#
#   client.sh DEVICE_ID FOLDER
#
# FOLDER is the memory of the device. The factory puts in bootstrap.json (where the brokers are, and the shared login)
# and, if a token is printed on the label, the file token. The client adds client-id, credentials.json and options.
# READINGS (3; 0 is no end), INTERVAL (10 seconds) and REFUSALS (10 refused logins before it gives up) may be set.
#
# mosquitto_pub and mosquitto_sub have a connection each, and a broker has one connection for each client id. So they
# take turns, and -c keeps the subscription and what arrives in between. One thing cannot be had this way: what arrives
# while mosquitto_pub is connected is lost. An answer comes again with the next call; a command has to be repeated by
# its sender. The clients in other languages do not have this gap.
set -eu
umask 077 # what is written here is for nobody else

[ $# -eq 2 ] || { echo "usage: client.sh DEVICE_ID FOLDER" >&2; exit 2; }
id=$1
cd "$2"
readings=${READINGS:-3} interval=${INTERVAL:-10} refusals=${REFUSALS:-10}
calling=$PWD/options/calling resident=$PWD/options/resident

say() { printf '%s: %s\n' "$id" "$*"; }
fail() { say "$*" >&2; exit 1; }

# A string, or a number, of the JSON on standard input. Nothing that we read from it may hold a quotation mark.
text() { tr -d '\r\n' | sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p'; }
number() { tr -d '\r\n' | sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*\([0-9]\{1,\}\).*/\1/p'; }

# Write a file so that a power cut leaves either all of it or nothing.
store() { cat >"$1.new" && sync && mv "$1.new" "$1" && sync; }

# options FOLDER PORT USER PASSWORD CLIENT_ID PUBLISH SUBSCRIBE: what a command line would show to everybody on this
# machine stands in files instead, which mosquitto_pub and mosquitto_sub look for below XDG_CONFIG_HOME.
options() {
    mkdir -p "$1"
    {
        printf -- '-h %s\n-p %s\n-u %s\n-P %s\n-i %s\n-q 1\n-c\n' "$host" "$2" "$3" "$4" "$5"
        [ -z "$authority" ] || printf -- '--cafile %s\n' "$authority" # TLS, with this authority's certificates
    } >"$1/mosquitto_pub"
    cp "$1/mosquitto_pub" "$1/mosquitto_sub"
    printf -- '-t %s\n' "$6" >>"$1/mosquitto_pub"
    printf -- '-t %s\n' "$7" >>"$1/mosquitto_sub"
}

# Wait before another attempt: longer each time, up to a minute, and never all devices at once.
backoff=1
pause() {
    sleep $((backoff + $(od -An -N2 -tu2 /dev/urandom) % (backoff + 1)))
    backoff=$((backoff < 16 ? backoff * 2 : 30))
}

# What an answer means; succeeds if the credentials have come.
understand() {
    case $(printf '%s' "$1" | text status) in
    ACCEPTED)
        [ -n "$(printf '%s' "$1" | text password)" ] || fail "accepted, but there is no password in the answer"
        printf '%s' "$1" | store credentials.json || fail "$PWD/credentials.json cannot be written"
        rm -f client-id
        say "accepted; the credentials are in $PWD/credentials.json"
        return 0
        ;;
    PENDING_ACCEPTANCE)
        now=$(printf '%s' "$1" | number retryAfter)
        wait=${now:-$wait}
        [ -n "$told" ] || say "waiting to be accepted; calling again every $wait seconds"
        told=yes
        ;;
    ERROR) fail "the call is not understood: $(printf '%s' "$1" | text message)" ;;
    esac
    return 1
}

# One call, and what is heard until the next one is due. Fails if the connection did.
call() {
    called=$(date +%s)
    answer=$(XDG_CONFIG_HOME=$calling mosquitto_sub -E) || return 1 # subscribes; prints what has come meanwhile
    if understand "$(printf '%s' "$answer" | tail -n 1)"; then return 0; fi
    printf '%s' "$request" | XDG_CONFIG_HOME=$calling mosquitto_pub -s || return 1
    while left=$((called + wait - $(date +%s))) && [ "$left" -gt 0 ]; do
        status=0
        answer=$(XDG_CONFIG_HOME=$calling mosquitto_sub -C 1 -W "$left" 2>/dev/null) || status=$?
        [ "$status" -ne 27 ] || return 0 # nothing more came in time
        [ "$status" -eq 0 ] || return 1
        if understand "$answer"; then return 0; fi
    done
}

# First contact: the same private call, again and again, until the credentials have come.
bootstrap() {
    [ -s client-id ] || od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | store client-id
    caller=$(cat client-id)
    request='{}'
    [ ! -s token ] || request='{"securityToken":"'$(tr -d '\r\n' <token | sed 's/[\\"]/\\&/g')'"}'
    topic=${prefix}bootstrap/$id
    options "$calling" "$gate" "$(text username <bootstrap.json)" "$(text password <bootstrap.json)" "$caller" \
        "$topic/request/$caller" "$topic/response/$caller"
    wait=30 told=
    say "calling in at $host:$gate"
    until [ -s credentials.json ]; do
        if call; then
            backoff=1
        else
            say "no connection to the bootstrap broker; trying again"
            pause
        fi
    done
}

# Do what the arguments say until it succeeds. A login may be refused for a moment, while its account is on its way.
insist() {
    refused=0
    until "$@"; do
        if [ "$status" -eq 5 ]; then
            refused=$((refused + 1))
            [ "$refused" -lt "$refusals" ] || fail "the stored login is refused. Was this device deleted? Then register" \
                "it again, remove $PWD/credentials.json and start this again"
            say "the login is refused (attempt $refused of $refusals)"
        else
            say "no connection to the operations broker; trying again"
        fi
        pause
    done
    backoff=1
}
obey() { while IFS= read -r command; do say "command $command"; done; }
settle() { # subscribe, and hear what came while we were away
    status=0
    came=$(XDG_CONFIG_HOME=$resident mosquitto_sub -v -E) || status=$?
    [ -z "$came" ] || printf '%s\n' "$came" | obey
    return "$status"
}
send() { # LEVEL PAYLOAD
    status=0
    printf '%s' "$2" | XDG_CONFIG_HOME=$resident mosquitto_pub -t "$top/$1" -s || status=$?
    return "$status"
}

# Life with credentials of one's own: the client id is the device id.
operate() {
    tenant=$(text tenant <credentials.json)
    top=${prefix}devices/$tenant/$id
    options "$resident" "$port" "$tenant/device_$id" "$(text password <credentials.json)" "$id" \
        "$top/telemetry" "$top/commands/#"
    insist settle
    insist send info '{"type":"example_Sensor","firmware":"1.0.0"}'
    say "logged in as $tenant/device_$id and sent info"
    sent=0
    while [ "$readings" -eq 0 ] || [ "$sent" -lt "$readings" ]; do
        sent=$((sent + 1))
        insist send telemetry '{"reading":'$sent',"celsius":21.5}'
        say "sent reading $sent"
        { XDG_CONFIG_HOME=$resident mosquitto_sub -v -W "$interval" 2>/dev/null || :; } | obey
    done
    say "done"
}

[ -r bootstrap.json ] || fail "there is no $PWD/bootstrap.json: copy the one that bootstrap-bridge wrote"
host=$(text host <bootstrap.json) port=$(number port <bootstrap.json) gate=$(number bootstrapPort <bootstrap.json)
prefix=$(text topicPrefix <bootstrap.json) authority=$(text caFile <bootstrap.json)
prefix=${prefix:+$prefix/}
for needed in "$host" "$port" "$gate"; do
    [ -n "$needed" ] || fail "$PWD/bootstrap.json names no host, port or bootstrapPort"
done
if [ ! -s credentials.json ]; then bootstrap; fi # not with ||, after which the shell would pass over what fails in it
operate
