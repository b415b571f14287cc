/*
 * NOT RUN BY THE TESTS: this sketch has the shape of the other clients here, which are run, but no board has run it.
 *
 * A device on an ESP32 with ArduinoMqttClient (MQTT 3.1.1): calls in until it is accepted, keeps its credentials in
 * flash, logs in with them, says what it is, sends readings and hears commands. Yours to copy and to change.
 * Holding the button BOOT (GPIO 0) while it starts is the factory reset.
 */
#include <ArduinoMqttClient.h>
#include <Preferences.h>
#include <WiFi.h>
#include <WiFiClientSecure.h>

// What the factory writes: the same as in bootstrap.json, and what stands on the label.
const char WIFI_NAME[] = "hall-2", WIFI_PASSWORD[] = "...";
const char DEVICE_ID[] = "pump-7", TOKEN[] = ""; // no token: leave it empty
const char HOST[] = "broker.example.com", PREFIX[] = ""; // a topic prefix ends with a slash
const int PORT = 1883, BOOTSTRAP_PORT = 1884;
const char BOOTSTRAP_USER[] = "devicebootstrap", BOOTSTRAP_PASSWORD[] = "...";
const char *AUTHORITY = nullptr; // the PEM text of the certificate authority turns TLS on

WiFiClient plain;
WiFiClientSecure secure;
MqttClient mqtt(plain), mqttOverTls(secure);
MqttClient &line() { return AUTHORITY ? mqttOverTls : mqtt; }
Preferences memory; // flash that survives a power cut: each value is there whole or not at all
String topic, payload; // what was heard last; empty when it has been dealt with
unsigned long backoff = 1; // seconds

// Runs inside the library: keep the message and deal with it later.
void keep(int) {
  topic = line().messageTopic();
  payload = "";
  while (line().available()) payload += (char)line().read();
}

// Longer each time, up to a minute, and never all devices at once.
void pauseAWhile() {
  delay(backoff * 1000 + esp_random() % (backoff * 1000));
  backoff = backoff < 16 ? backoff * 2 : 30;
}

// A string of the JSON in `json`, or "". Nothing that we read from it holds a quotation mark.
String member(const String &json, const char *name) {
  int at = json.indexOf(String("\"") + name + "\"");
  int begin = at < 0 ? -1 : json.indexOf('"', json.indexOf(':', at) + 1);
  int end = begin < 0 ? -1 : json.indexOf('"', begin + 1);
  return end < 0 ? String() : json.substring(begin + 1, end);
}

bool dial(int port, const String &user, const String &password, const String &clientId, const String &hear, bool clean) {
  while (WiFi.status() != WL_CONNECTED) delay(100);
  line().stop();
  line().setId(clientId);
  line().setUsernamePassword(user, password);
  line().setCleanSession(clean);
  topic = "";
  return line().connect(HOST, port) && line().subscribe(hear, 1);
}

// Publish at QoS 1; true when the broker has it.
bool publish(const String &to, const String &message) {
  return line().beginMessage(to, (unsigned long)message.length(), false, 1) && line().print(message) == message.length() &&
         line().endMessage();
}

// First contact: the same private call, again and again, until the credentials have come.
void bootstrap() {
  String clientId = memory.getString("client-id");
  if (clientId.isEmpty()) {
    for (int i = 0; i < 4; i++) {
      char digits[9];
      snprintf(digits, sizeof digits, "%08x", (unsigned)esp_random()); // random once the radio is on
      clientId += digits;
    }
    memory.putString("client-id", clientId);
  }
  String token = TOKEN;
  token.replace("\\", "\\\\");
  token.replace("\"", "\\\"");
  String call = token.isEmpty() ? String("{}") : "{\"securityToken\":\"" + token + "\"}";
  String top = String(PREFIX) + "bootstrap/" + DEVICE_ID;
  unsigned long retryAfter = 30;
  if (dial(BOOTSTRAP_PORT, BOOTSTRAP_USER, BOOTSTRAP_PASSWORD, clientId, top + "/response/" + clientId, true)) {
    while (publish(top + "/request/" + clientId, call)) {
      for (unsigned long called = millis(); millis() - called < retryAfter * 1000 && line().connected(); delay(10)) {
        line().poll();
        if (topic.isEmpty()) continue;
        topic = "";
        String status = member(payload, "status");
        if (status == "ACCEPTED" && !member(payload, "password").isEmpty()) {
          memory.putString("tenant", member(payload, "tenant"));
          memory.putString("password", member(payload, "password")); // the last one: with it all are there
          memory.remove("client-id");
          line().stop();
          backoff = 1;
          Serial.println("accepted");
          return;
        }
        int at = payload.indexOf("\"retryAfter\":");
        if (at >= 0) retryAfter = max(5L, payload.substring(at + 13).toInt());
        Serial.println(status == "ERROR" ? "the call is not understood: " + payload : String("waiting to be accepted"));
      }
    }
  }
  Serial.println("no connection to the bootstrap broker; trying again");
  pauseAWhile();
}

// Life with credentials of one's own: the client id is the device id.
void operate() {
  String tenant = memory.getString("tenant"), top = String(PREFIX) + "devices/" + tenant + "/" + DEVICE_ID;
  bool in = dial(PORT, tenant + "/device_" + DEVICE_ID, memory.getString("password"), DEVICE_ID, top + "/commands/#", false);
  if (in && publish(top + "/info", "{\"type\":\"example_Sensor\",\"firmware\":\"1.0.0\"}")) {
    Serial.println("logged in");
    backoff = 1;
    for (int reading = 1; publish(top + "/telemetry", "{\"reading\":" + String(reading) + ",\"celsius\":21.5}"); reading++) {
      for (unsigned long sent = millis(); millis() - sent < 10000 && line().connected(); delay(10)) {
        line().poll();
        if (topic.isEmpty()) continue;
        Serial.println("command " + topic + " " + payload);
        topic = "";
      }
    }
  }
  int reason = line().connectError();
  if (reason == MQTT_BAD_USER_NAME_OR_PASSWORD || reason == MQTT_NOT_AUTHORIZED) {
    Serial.println("the login is refused. Was this device deleted? Register it again, and hold BOOT while it starts");
  }
  pauseAWhile();
}

void setup() {
  Serial.begin(115200);
  pinMode(0, INPUT_PULLUP);
  memory.begin("bootstrap");
  if (digitalRead(0) == LOW) memory.clear();
  if (AUTHORITY) secure.setCACert(AUTHORITY);
  line().onMessage(keep);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
}

void loop() {
  if (memory.isKey("password")) operate();
  else bootstrap();
}
