// One registration in full, at the side of the table: what is known of it, who called in its name, and its history.
import { StatusPill } from "/static/registration_parts.js";
import { when } from "/static/words.js";

const TIMES = ["creationTime", "acceptedTime", "installedTime", "deliveredTime", "confirmedTime", "lastSeen"];

export default {
  components: { StatusPill },
  props: {
    shown: String, row: Object, history: Array, more: Boolean, loaded: Boolean,
    texts: Object, statuses: Object, may: Object, own: String,
  },
  emits: ["closed", "more", "remove"],
  computed: {
    facts() {
      const { row, texts } = this;
      const yes = (is) => (is ? texts.yes : texts.no);
      return [
        ["id", row.id], ["name", row.name], ["type", row.type], ["group", row.group], ["tenant", row.tenant], ["owner", row.owner],
        ["calls", row.calls.toLocaleString()], ["token_sent_long", yes(row.tokenSent)], ["attempts_long", row.failedAttempts.toLocaleString()],
        ["auto_accept", yes(row.autoAccept)],
        ...TIMES.map((name) => [`time_${name}`, when(row[name])]),
      ].filter(([, value]) => value != null && value !== "");
    },
    properties() { return this.row && Object.keys(this.row.properties || {}).length ? JSON.stringify(this.row.properties, null, 2) : ""; },
  },
  watch: {
    shown(id) { this.turn(id); },
  },
  mounted() {
    this.turn(this.shown);
  },
  methods: {
    when,
    turn(id) {
      const dialog = this.$refs.dialog;
      if (id && !dialog.open) dialog.showModal();
      if (!id && dialog.open) dialog.close();
      if (id) dialog.scrollTop = 0;
      this.address(id);
    },
    address(id) {
      const address = new URLSearchParams(location.search);
      if ((address.get("show") || "") === id) return;
      id ? address.set("show", id) : address.delete("show");
      history.replaceState(history.state, "", location.pathname + (address.size ? `?${address}` : ""));
    },
    closed() {
      this.address("");
      this.$emit("closed");
    },
    action(one) { return this.texts[`action_${one.action.replaceAll("-", "_")}`] || one.action; },
    outcome(one) { return one.outcome === "ok" ? this.texts.outcome_ok : one.outcome; },
    details(one) { return Object.entries(one.details || {}).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", "); },
  },
  template: `
    <dialog ref="dialog" class="drawn" aria-labelledby="detail-name" closedby="any" @close="closed">
      <header class="detail-head">
        <h2 id="detail-name" tabindex="-1" autofocus><bdi>{{ (row && row.name) || shown }}</bdi></h2>
        <button type="button" class="btn" @click="$refs.dialog.close()">{{ texts.close }}</button>
      </header>
      <p v-if="!loaded" role="status">{{ texts.loading }}</p>
      <p v-else-if="!row" class="gone" role="status">{{ texts.gone }}</p>
      <template v-else>
        <p class="stand"><status-pill :status="row.status" :words="statuses[row.status]"></status-pill> {{ texts["meaning_" + row.status] }}</p>
        <p v-if="row.reason" class="fault">{{ texts["reason_" + row.reason] || row.reason }}</p>
        <dl class="facts"><template v-for="[name, value] in facts" :key="name"><dt>{{ texts[name] }}</dt><dd><bdi>{{ value }}</bdi></dd></template></dl>
        <h3>{{ texts.claims_long }}</h3>
        <p v-if="!row.claims.length" class="quiet">{{ texts.no_claims }}</p>
        <p v-else class="quiet">{{ texts.claims_hint }}</p>
        <p v-if="row.claimsOverflow" class="warned">{{ texts.overflow }}</p>
        <ul class="claims"><li v-for="claim in row.claims" :key="claim.fingerprint" class="card">
          <dl class="facts">
            <dt>{{ texts.fingerprint }}</dt><dd><code>{{ claim.fingerprint }}</code></dd>
            <dt>{{ texts.key }}</dt><dd><code v-if="claim.keyFingerprint" class="key"><span v-for="four in claim.keyFingerprint.split(' ')">{{ four }} </span></code><span v-else class="quiet">{{ texts.key_none }}</span></dd>
            <dt>{{ texts.call }}</dt><dd>{{ texts["call_" + claim.call] }}</dd>
            <dt>{{ texts.token_sent_long }}</dt><dd>{{ claim.tokenSent ? texts.yes : texts.no }}</dd>
            <dt>{{ texts.first_seen }}</dt><dd>{{ when(claim.firstSeen) }}</dd>
          </dl>
        </li></ul>
        <template v-if="properties"><h3>{{ texts.properties }}</h3><pre class="mono">{{ properties }}</pre></template>
      </template>
      <template v-if="loaded && may.audit">
        <h3>{{ texts.history }}</h3>
        <p v-if="!history.length" class="quiet">{{ texts.no_history }}</p>
        <ol class="history"><li v-for="(one, index) in history" :key="one.at + index">
          <time :datetime="one.at">{{ when(one.at) }}</time>
          <span><b>{{ action(one) }}</b> <span :class="one.outcome === 'ok' ? 'quiet' : 'fault'">{{ outcome(one) }}</span></span>
          <span class="quiet"><bdi>{{ one.actor }}</bdi></span>
          <small v-if="details(one)" class="quiet">{{ details(one) }}</small>
        </li></ol>
        <button v-if="more" type="button" class="btn" @click="$emit('more')">{{ texts.more_history }}</button>
      </template>
      <footer v-if="row && may.delete" class="answers"><button type="button" class="btn danger" @click="$emit('remove')">{{ texts.delete_one }}</button></footer>
    </dialog>`,
};
