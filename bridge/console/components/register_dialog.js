// The dialog "Register devices". What is typed stays here, in the browser, until each device is registered: over refusals,
// broken connections and a new login. Security tokens are sent, and kept nowhere.
import RegisterRow, { faultsOf } from "/static/register_row.js";
import { counted, fill } from "/static/words.js";

const MOST_ROWS = 200; // more than anybody looks through; for larger numbers there is the bulk file
const CHUNK_ROWS = 50;
const CHUNK_CHARACTERS = 12_000; // so that one message from here stays far below what the page's socket takes
const NO_ANSWER_AFTER = 60_000;

let keys = 0;
const made = (given = {}) => ({
  ...{ id: "", name: "", type: "", group: "", tenant: "", token: "", auto: false, open: false, tried: false, fault: "" },
  ...given,
  key: ++keys,
});
const isEmpty = (row) => ![row.id, row.name, row.type, row.group, row.token].some((text) => text.trim());
const wordOf = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export default {
  components: { RegisterRow },
  props: {
    ...{ texts: Object, who: String, first: Object, tenants: Array, groups: Array, away: String },
  },
  emits: ["opened", "send"],
  data: () => ({ rows: [made()], done: [], queue: [], busy: false, total: 0, asking: false, message: "", bad: false, back: false, elsewhere: location.pathname !== "/" }),
  computed: {
    twins() {
      const seen = new Map();
      const twins = {};
      this.rows.forEach((row, at) => {
        const id = row.id.trim();
        if (id && seen.has(id)) twins[row.key] = seen.get(id);
        else seen.set(id, at + 1);
      });
      return twins;
    },
    dirty() {
      return this.rows.some((row) => !isEmpty(row));
    },
    finished() {
      return this.done.length > 0 && !this.dirty && !this.busy;
    },
    progress() {
      return this.busy ? fill(this.texts.sending, { done: this.total - this.queue.length, total: this.total }) : "";
    },
    labels() {
      return this.done.map((row) => `${row.id}\t${row.name}`).join("\n");
    },
  },
  watch: {
    rows: { deep: true, handler: "keep" },
  },
  created() {
    this.refs = {};
    this.attempt = null; // the message on its way: {id, content, rows}
    this.timer = null;
  },
  mounted() {
    const kept = this.kept();
    if (this.first) {
      const address = new URL(location.href);
      for (const name of ["register", "name", "type", "group"]) address.searchParams.delete(name);
      history.replaceState(history.state, "", address);
    }
    if (this.first || kept.length) this.open(this.first ? [this.first] : []);
  },
  unmounted() {
    clearTimeout(this.timer);
  },
  methods: {
    fill,
    counted,
    place() {
      return `register-draft:${this.who}`;
    },
    kept() {
      try {
        const rows = JSON.parse(sessionStorage.getItem(this.place()) || "[]");
        return Array.isArray(rows) ? rows.filter((row) => typeof row?.id === "string") : [];
      } catch {
        return [];
      }
    },
    keep() {
      const rows = this.rows.filter((row) => !isEmpty(row));
      if (!rows.length) return sessionStorage.removeItem(this.place());
      const without = rows.map(({ id, name, type, group, tenant, auto }) => ({ id, name, type, group, tenant, auto, open: auto }));
      try {
        sessionStorage.setItem(this.place(), JSON.stringify(without));
      } catch {
        sessionStorage.removeItem(this.place()); // more than the browser keeps: it stays on the page alone
      }
    },
    // Show the dialog with these devices besides what was typed before.
    open(devices) {
      const dialog = this.$refs.dialog;
      if (!this.dirty) {
        const kept = this.kept();
        this.back = kept.length > 0;
        this.rows = kept.map(made);
        this.done = [];
        this.tell("");
      }
      const known = new Set(this.rows.map((row) => row.id.trim()));
      const added = devices.filter((device) => !known.has(device.id.trim())).map((device) => made({ ...device, tried: !!device.id }));
      this.rows = [...this.rows.filter((row) => !isEmpty(row)), ...added];
      if (!this.rows.length) this.rows = [made()];
      this.asking = false;
      if (!dialog.open) dialog.showModal();
      this.$emit("opened", devices.map((device) => device.id));
      this.focusRow(this.rows.findLast((row) => row.id === devices[0]?.id) ?? this.rows.at(-1));
    },
    // Say what is known of a device that somebody is about to register.
    note(id, words) {
      for (const row of this.rows) if (row.id.trim() === id) row.fault = words;
    },
    tell(words, bad = false) {
      this.message = words;
      this.bad = bad;
    },
    focusRow(row, field = "id") {
      this.$nextTick(() => this.refs[row.key]?.focus(field));
    },
    add() {
      if (this.rows.length >= MOST_ROWS) return this.tell(fill(this.texts.too_many, { most: MOST_ROWS.toLocaleString("en") }), true);
      const last = this.rows.at(-1);
      const row = made({ group: last.group, tenant: last.tenant, type: last.type });
      this.rows.push(row);
      this.focusRow(row);
    },
    remove(row) {
      const at = this.rows.indexOf(row);
      this.rows.splice(at, 1);
      this.focusRow(this.rows[Math.min(at, this.rows.length - 1)]);
    },
    pasted(row, text) {
      const lines = text.split(/\r\n|\r|\n/).map((line) => line.split("\t").map((cell) => cell.trim())).filter((cells) => cells.some(Boolean));
      const keeps = row.id.trim() !== ""; // a row that has an id keeps it; the pasted ones follow
      const taken = lines.slice(0, MOST_ROWS - this.rows.length + (keeps ? 0 : 1));
      const added = taken.map(([id, name = "", type = "", group = ""]) =>
        made({ id, name, type: type || row.type, group: row.tenant ? "" : group || row.group, tenant: row.tenant, tried: true }),
      );
      this.rows.splice(this.rows.indexOf(row) + (keeps ? 1 : 0), keeps ? 0 : 1, ...added);
      if (taken.length < lines.length) this.tell(counted(this.texts, "pasted_part", taken.length, { most: MOST_ROWS.toLocaleString("en") }), true);
      else this.tell(counted(this.texts, "pasted", taken.length));
      this.focusRow(added.at(-1) ?? row);
    },
    next() {
      if (this.busy) return;
      const filled = this.rows.filter((row) => !isEmpty(row));
      if (filled.length) this.rows = filled;
      for (const row of this.rows) row.tried = true;
      const wrong = this.rows.filter((row) => Object.keys(faultsOf(row, this.twins[row.key])).length);
      if (wrong.length) {
        this.tell(counted(this.texts, "look", wrong.length), true);
        return this.focusRow(wrong[0], Object.keys(faultsOf(wrong[0], this.twins[wrong[0].key]))[0]);
      }
      for (const row of this.rows) row.fault = "";
      this.back = false;
      this.tell("");
      this.queue = [...this.rows];
      this.total = this.queue.length;
      this.busy = true;
      this.send();
    },
    device(row) {
      const device = { id: row.id.trim() };
      for (const name of ["name", "type"]) if (row[name].trim()) device[name] = row[name].trim();
      if (row.tenant) device.tenant = row.tenant;
      else if (row.group.trim()) device.group = row.group.trim();
      if (row.open && row.token.trim()) {
        device.securityToken = row.token.trim();
        if (row.auto) device.autoAccept = true;
      }
      return device;
    },
    send() {
      const rows = [];
      const devices = [];
      let size = 0;
      for (const row of this.queue) {
        const device = this.device(row);
        size += JSON.stringify(device).length;
        if (rows.length && (rows.length >= CHUNK_ROWS || size > CHUNK_CHARACTERS)) break;
        rows.push(row);
        devices.push(device);
      }
      // The same devices again after no answer came are the same request: the bridge does not do it twice.
      const content = JSON.stringify(devices);
      const id = this.attempt?.content === content ? this.attempt.id : wordOf(crypto.getRandomValues(new Uint8Array(16)));
      this.attempt = { id, content, rows };
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.answered(id, { away: this.texts.no_answer }), NO_ANSWER_AFTER);
      this.$emit("send", { attempt: id, devices });
    },
    answered(id, answer) {
      if (!this.busy || id !== this.attempt?.id) return;
      clearTimeout(this.timer);
      if (answer.away || answer.refused) {
        if (answer.refused) this.attempt = null;
        return this.stop(answer.away || answer.refused);
      }
      const failed = new Map(answer.failed.map((one) => [one.id, one.message]));
      const created = new Set(answer.created);
      for (const row of this.attempt.rows) {
        const id = row.id.trim();
        if (created.has(id)) this.done.push({ id, name: row.name.trim(), auto: row.open && row.auto });
        else row.fault = failed.get(id) || this.texts.no_word;
      }
      const gone = new Set(this.attempt.rows.filter((row) => created.has(row.id.trim())));
      this.rows = this.rows.filter((row) => !gone.has(row));
      this.queue = this.queue.slice(this.attempt.rows.length);
      this.attempt = null;
      if (this.queue.length) return this.send();
      this.busy = false;
      if (this.rows.length) {
        this.tell(counted(this.texts, "some_failed", this.rows.length), true);
        this.focusRow(this.rows[0]);
      } else {
        this.rows = [made()];
        this.tell("");
        this.$nextTick(() => this.$refs.result?.focus());
      }
    },
    stop(words) {
      this.busy = false;
      this.queue = [];
      this.tell(words, true);
    },
    more() {
      this.done = [];
      this.rows = [made()];
      this.focusRow(this.rows[0]);
    },
    leave() {
      if (this.busy) return;
      if (this.dirty && !this.asking) {
        this.asking = true;
        this.$nextTick(() => this.$refs.stay?.focus());
        return;
      }
      this.discard();
    },
    stay() {
      this.asking = false;
      this.focusRow(this.rows[0]);
    },
    discard() {
      this.asking = false;
      this.rows = [made()];
      this.done = [];
      this.tell("");
      this.keep();
      this.$refs.dialog.close();
    },
  },
  template: `
    <dialog ref="dialog" class="sheet register" aria-labelledby="register-title" @cancel.prevent="leave">
      <form class="sheet-form" novalidate @submit.prevent="next">
        <header class="sheet-head">
          <h2 id="register-title">{{ texts.title }}</h2>
          <button class="btn small icon" type="button" :aria-label="texts.close" @click="leave">
            <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path d="M6 6l12 12M18 6L6 18" /></svg></button>
        </header>
        <div class="sheet-body">
          <p v-if="away" class="notice ask" role="alert">{{ away }}</p>
          <p v-if="back" class="notice">{{ texts.back }}</p>
          <section v-if="done.length" class="registered" :aria-label="texts.registered_title">
            <h3 ref="result" tabindex="-1">{{ counted(texts, "registered", done.length) }}</h3>
            <ul>
              <li v-for="one in done" :key="one.id"><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.5" aria-hidden="true"><path d="M5 12.5l4.5 4.5L19 7.5" /></svg>
                <span><bdi>{{ one.name || one.id }}</bdi> <code v-if="one.name"><bdi>{{ one.id }}</bdi></code></span></li>
            </ul>
            <p v-if="finished">{{ texts.then }} <a v-if="elsewhere" href="/">{{ texts.go }}</a></p>
          </section>
          <template v-if="!finished">
            <p v-if="!done.length" class="quiet">{{ texts.intro }}</p>
            <p v-if="tenants.length" class="quiet" id="register-either">{{ texts.either }}</p>
            <div class="devices">
              <register-row v-for="(row, at) in rows" :key="row.key" :ref="(one) => (refs[row.key] = one)" :row="row" :number="at + 1" :twin="twins[row.key]"
                :texts="texts" :tenants="tenants" :busy="busy" :only="rows.length === 1" @remove="remove(row)" @pasted="pasted(row, $event)" @typed="row.fault = ''" />
            </div>
            <datalist id="register-groups"><option v-for="group in groups" :key="group" :value="group"></option></datalist>
            <button class="btn" type="button" :disabled="busy" @click="add">{{ texts.add }}</button>
          </template>
        </div>
        <footer class="sheet-foot">
          <p class="sheet-message" :class="{ fault: bad }" role="status">{{ asking ? texts.leave : progress || message }}</p>
          <template v-if="asking">
            <button ref="stay" class="btn" type="button" @click="stay">{{ texts.stay }}</button>
            <button class="btn danger" type="button" @click="discard">{{ texts.discard }}</button>
          </template>
          <template v-else-if="finished">
            <button class="btn" type="submit" form="register-labels">{{ texts.print }}</button>
            <button class="btn" type="button" @click="more">{{ texts.more }}</button>
            <button class="btn primary" type="button" @click="discard">{{ texts.close }}</button>
          </template>
          <template v-else>
            <button class="btn" type="button" @click="leave">{{ texts.cancel }}</button>
            <button class="btn primary" type="submit" :aria-disabled="busy">{{ texts.next }}</button>
          </template>
        </footer>
      </form>
      <form id="register-labels" method="post" action="/label" target="_blank" hidden><input type="hidden" name="devices" :value="labels" /></form>
    </dialog>`,
};
