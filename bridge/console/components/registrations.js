// The table of registrations: a plain table that screen readers and keyboards know, with what is done with each row.
// What a person types, marks and opens here stays in the browser, over each refresh of the rows and every lost connection.
import AcceptCell from "/static/accept_cell.js";
import { StatusPill, ago, keepFocus } from "/static/registration_parts.js";
import { counted, day, fill, minute, when } from "/static/words.js";

const FILTERS = ["", "PENDING_ACCEPTANCE", "WAITING_FOR_CONNECTION", "ACCEPTED", "BLOCKED"];
const SORTS = ["id", "name", "status", "creationTime", "lastSeen"];
const DESCENDING_FIRST = ["creationTime", "lastSeen"];
const TYPING = 100; // milliseconds after the last key before the search is sent
const STILL = 400; // milliseconds without a movement of the pointer before rows change places under it
const LONGEST = 2000; // milliseconds for which a moving pointer holds rows in their places, at most
const FRESH = 2500; // milliseconds for which a change is marked

export default {
  components: { AcceptCell, StatusPill },
  mixins: [keepFocus],
  props: {
    rows: Array, counts: Object, first: Number, total: Number, previous: Boolean, next: Boolean, turn: Number, fault: String, begun: Object,
    texts: Object, acceptTexts: Object, statuses: Object, policy: String, may: Object, tenancy: Boolean, tenants: Array, own: String, notices: Object,
  },
  emits: ["ask", "act", "open", "remove"],
  data() {
    return { view: { ...this.begun }, asked: this.turn, shown: [], marked: {}, drafts: {}, fresh: {}, said: "", several: this.tenancy, moved: 0, held: 0, now: Date.now() };
  },
  computed: {
    busy() { return this.asked !== this.turn; },
    all() { return Object.values(this.counts).reduce((sum, one) => sum + one, 0); },
    filters() {
      const number = (status) => (status ? this.counts[status] || 0 : this.all);
      return FILTERS.map((status) => ({ status, words: status ? this.statuses[status] : this.texts.all, number: number(status).toLocaleString("en") }));
    },
    // Nothing in any row to press: then the last column keeps no room.
    idle() { return this.shown.every((row) => row.status === "WAITING_FOR_CONNECTION" || row.status === "ACCEPTED"); },
    filtered() { return Boolean(this.view.status || this.view.search || this.view.tenant); },
    chosen() { return Object.keys(this.marked); },
    everyRow() { return this.shown.length > 0 && this.shown.every((row) => this.marked[row.id]); },
    someRow() { return !this.everyRow && this.shown.some((row) => this.marked[row.id]); },
    range() {
      if (!this.shown.length) return "";
      const [first, last] = [this.first, this.first + this.shown.length - 1].map((one) => one.toLocaleString("en"));
      if (this.next && this.total == null) return fill(this.texts.range_more, { first, last });
      const total = this.next ? Math.max(this.total, this.first + this.shown.length) : this.first + this.shown.length - 1;
      return fill(this.texts.range_of, { first, last, total: total.toLocaleString("en") });
    },
    sorts() {
      return SORTS.flatMap((name) => [name, `-${name}`]).map((sort) => ({ sort, words: this.texts[`sort_${sort.replace("-", "down_")}`] }));
    },
  },
  watch: {
    rows: { handler: "take", immediate: true },
    // The first rows and those that were asked for are no news; nobody's hand is on rows that he wanted away.
    turn() { this.moved = 0; this.take(); },
  },
  mounted() {
    this.ticking = setInterval(() => (this.now = Date.now()), 20_000);
  },
  beforeUnmount() {
    for (const timer of [this.ticking, this.typing, this.waiting, this.fading]) clearTimeout(timer);
  },
  methods: {
    ago, counted, day, minute, when,
    reason(row) { return row.reason ? this.texts[`reason_${row.reason}`] || row.reason : ""; },
    // Who registered it, without the tenant where that is the own one.
    owner(row) {
      const [tenant, ...name] = row.owner.split("/");
      return tenant === this.own ? name : [tenant, ...name];
    },
    ask(change, go = "") {
      clearTimeout(this.typing);
      Object.assign(this.view, change);
      if (!go) this.marked = {}; // nobody deletes what a filter has put out of his sight
      this.asked += 1;
      const address = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(this.view)) value ? address.set(name, value) : address.delete(name);
      history.replaceState(history.state, "", location.pathname + (address.size ? `?${address}` : ""));
      this.$emit("ask", { ...this.view, go, turn: this.asked });
    },
    search() {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.ask({}), TYPING);
    },
    leaf(go) {
      this.ask({}, go);
      this.$refs.top.scrollIntoView({ block: "nearest" });
    },
    order(name) {
      const turns = DESCENDING_FIRST.includes(name) ? [`-${name}`, name, ""] : [name, `-${name}`, ""];
      this.ask({ sort: turns[(turns.indexOf(this.view.sort) + 1) % 3] });
    },
    direction(...names) {
      const by = this.view.sort.replace("-", "");
      if (!names.includes(by)) return null;
      return this.view.sort.startsWith("-") ? "descending" : "ascending";
    },
    mark(ids, on) {
      for (const id of ids) on ? (this.marked[id] = true) : delete this.marked[id];
    },
    act(id, what, data) {
      this.$emit("act", { what, id, ...data });
    },
    markAll(on) {
      this.mark(this.shown.map((row) => row.id), on);
    },
    forget(ids) { this.mark(ids, false); },
    // Shows the newest rows. Rows change places under a moving pointer only when it rests: what a hand is about to
    // press stays where it is. What changes inside a row is shown at once.
    take() {
      clearTimeout(this.waiting);
      const rows = this.rows;
      for (const row of rows) this.drafts[row.id] ??= {};
      // Who may not list tenants learns from the rows that there are several.
      this.several ||= new Set(rows.map((row) => row.tenant)).size > 1;
      const places = (list) => list.map((row) => row.id).join("/");
      const now = Date.now();
      const rest = Math.min(this.moved + STILL, (this.held || now) + LONGEST) - now;
      if (rest > 0 && places(rows) !== places(this.shown)) {
        this.held ||= now;
        const newest = Object.fromEntries(rows.map((row) => [row.id, row]));
        this.shown = this.shown.map((row) => newest[row.id] || row);
        this.waiting = setTimeout(() => this.take(), rest);
        return;
      }
      this.held = 0;
      this.tellChanges(rows);
      this.shown = rows;
      // What was typed stays; a page that is open for months does not keep a place for each device that it has seen.
      const here = new Set(rows.map((row) => row.id));
      for (const [id, draft] of Object.entries(this.drafts)) {
        if (!here.has(id) && !Object.values(draft).some(Boolean)) delete this.drafts[id];
      }
    },
    tellChanges(rows) {
      const before = this.known;
      this.known = Object.fromEntries(rows.map((row) => [row.id, row.status]));
      const asked = this.told !== this.turn;
      this.told = this.turn;
      if (asked || !before) return;
      // A row that has gone by itself is not deleted later, unseen; one on another page of the list stays marked.
      this.mark(Object.keys(before).filter((id) => !(id in this.known)), false);
      const changed = rows.filter((row) => before[row.id] !== row.status);
      if (!changed.length) return;
      this.fresh = Object.fromEntries(changed.map((row) => [row.id, true]));
      clearTimeout(this.fading);
      this.fading = setTimeout(() => (this.fresh = {}), FRESH);
      this.said = changed.length > 3
        ? fill(this.texts.many_changed, { number: changed.length })
        : changed.map((row) => `${row.name || row.id}: ${this.statuses[row.status]}`).join(". ");
    },
  },
  template: `
    <div class="registrations" :class="{ 'one-tenant': !several, idle }" ref="top" :aria-busy="busy">
      <form class="toolbar" role="search" :aria-label="texts.find" @submit.prevent="ask({})">
        <div class="chips" role="group" :aria-label="texts.filter">
          <button v-for="one in filters" :key="one.status" type="button" class="chip" :class="one.status" :aria-pressed="String(view.status === one.status)" @click="ask({ status: one.status })">
            {{ one.words }}<span v-if="!view.tenant" class="number">{{ one.number }}</span>
          </button>
        </div>
        <div class="finding">
          <label v-if="tenants.length" class="lab">{{ texts.tenant }}
            <select class="field" :value="view.tenant" @change="ask({ tenant: $event.target.value })">
              <option value="">{{ texts.all_tenants }}</option>
              <option v-for="one in tenants" :key="one" :value="one">{{ one }}</option>
            </select>
          </label>
          <label class="lab narrow">{{ texts.sort }}
            <select class="field" :value="view.sort" @change="ask({ sort: $event.target.value })">
              <option value="">{{ texts.sort_usual }}</option>
              <option v-for="one in sorts" :key="one.sort" :value="one.sort">{{ one.words }}</option>
            </select>
          </label>
          <input class="field" type="search" v-model="view.search" @input="search" :aria-label="texts.search" :placeholder="texts.search" maxlength="255" autocomplete="off" autocapitalize="none" spellcheck="false" />
        </div>
      </form>
      <div v-if="may.delete && chosen.length" class="chosen" role="group" :aria-label="texts.selection">
        <b>{{ counted(texts, "selected", chosen.length) }}</b>
        <button type="button" class="btn danger" @click="$emit('remove', { ids: chosen })">{{ texts.delete }}</button>
        <button type="button" class="btn" @click="marked = {}">{{ texts.unselect }}</button>
      </div>
      <p v-if="fault" class="fault" role="alert">{{ fault }}</p>
      <div v-if="shown.length" class="scrolling"><table class="grid" @pointermove="moved = Date.now()">
        <caption class="sr">{{ texts.title }}</caption>
        <thead><tr>
          <th v-if="may.delete" scope="col" class="mark"><label class="box"><input type="checkbox" :aria-label="texts.select_all" :checked="everyRow" :indeterminate="someRow" @change="markAll($event.target.checked)" /></label></th>
          <th scope="col" :aria-sort="direction('id', 'name')">
            <button type="button" class="sort" :class="direction('id')" @click="order('id')">{{ texts.id }}</button>
            <button type="button" class="sort" :class="direction('name')" @click="order('name')">{{ texts.name }}</button>
          </th>
          <th scope="col" :aria-sort="direction('status')"><button type="button" class="sort" :class="direction('status')" @click="order('status')">{{ texts.status }}</button></th>
          <th scope="col" :aria-sort="direction('creationTime')"><button type="button" class="sort" :class="direction('creationTime')" @click="order('creationTime')">{{ texts.created }}</button></th>
          <th scope="col" class="wide" :aria-sort="direction('lastSeen')"><button type="button" class="sort" :class="direction('lastSeen')" @click="order('lastSeen')">{{ texts.last_call }}</button></th>
          <th scope="col" class="owner">{{ texts.owner }}</th>
          <th v-if="several" scope="col" class="owner">{{ texts.tenant }}</th>
          <th scope="col" class="short" :title="texts.attempts_meaning">{{ texts.attempts }}</th>
          <th scope="col" class="short" :title="texts.token_meaning">{{ texts.token }}</th>
          <th scope="col" class="short" :title="texts.claims_meaning">{{ texts.claims }}</th>
          <th scope="col"><span class="sr">{{ texts.actions }}</span></th>
        </tr></thead>
        <tbody>
          <tr v-for="row in shown" :key="row.id" :data-id="row.id" :class="{ fresh: fresh[row.id], marked: marked[row.id] }" tabindex="-1" :aria-label="row.name || row.id">
            <td v-if="may.delete" class="mark" data-label=""><label class="box"><input type="checkbox" :checked="Boolean(marked[row.id])" :aria-label="texts.select + ' ' + (row.name || row.id)" @change="mark([row.id], $event.target.checked)" /></label></td>
            <td class="who" :data-label="texts.device"><div>
              <button type="button" class="link name" aria-haspopup="dialog" :title="row.name || row.id" @click="$emit('open', { id: row.id })"><bdi>{{ row.name || row.id }}</bdi></button>
              <code v-if="row.name" class="id" :title="row.id"><bdi>{{ row.id }}</bdi></code>
            </div></td>
            <td :data-label="texts.status"><div>
              <status-pill :status="row.status" :words="statuses[row.status]"></status-pill>
              <small v-if="reason(row)" class="why">{{ reason(row) }}</small>
            </div></td>
            <td :data-label="texts.created"><time :datetime="row.creationTime" :title="when(row.creationTime)"><span>{{ day(row.creationTime) }}</span><span>{{ minute(row.creationTime) }}</span></time></td>
            <td class="wide" :data-label="texts.last_call"><time v-if="row.lastSeen" :datetime="row.lastSeen" :title="when(row.lastSeen)">{{ ago(row.lastSeen, now) }}</time><span v-else class="quiet">{{ texts.never }}</span></td>
            <td class="owner" :data-label="texts.owner" :title="row.owner"><bdi><template v-for="(part, index) in owner(row)"><template v-if="index">/<wbr /></template>{{ part }}</template></bdi></td>
            <td v-if="several" class="owner" :data-label="texts.tenant"><bdi>{{ row.tenant }}</bdi></td>
            <td class="short" :data-label="texts.attempts"><span :class="row.failedAttempts ? 'warned' : 'quiet'">{{ row.failedAttempts }}</span></td>
            <td class="short" :data-label="texts.token"><span :class="{ quiet: !row.tokenSent }">{{ row.tokenSent ? texts.token_sent : texts.token_none }}</span></td>
            <td class="short" :data-label="texts.claims"><span :class="row.claims.length > 1 ? 'warned' : row.claims.length ? '' : 'quiet'">{{ row.claims.length }}{{ row.claimsOverflow ? "+" : "" }}</span></td>
            <td class="doing" data-label=""><accept-cell :row="row" :policy="policy" :may="may" :texts="acceptTexts" :draft="drafts[row.id]" :notice="notices[row.id]" @act="function (what, data) { act(row.id, what, data); }"></accept-cell></td>
          </tr>
        </tbody>
      </table></div>
      <div v-else-if="busy" class="empty" role="status">{{ texts.loading }}</div>
      <div v-else-if="filtered" class="card empty">
        <template v-if="!fault"><h2>{{ texts.none_found }}</h2><p>{{ texts.none_found_hint }}</p></template>
        <button type="button" class="btn" @click="ask({ status: '', search: '', tenant: '' })">{{ texts.clear }}</button>
      </div>
      <div v-else-if="!fault" class="card empty">
        <h2>{{ texts.empty }}</h2>
        <ol v-if="may.register"><li>{{ texts.empty_first }}</li><li>{{ texts.empty_then }}</li><li>{{ texts.empty_last }}</li></ol>
        <p v-else>{{ texts.empty_viewer }}</p>
      </div>
      <nav v-if="shown.length" class="leaves" :aria-label="texts.pages">
        <span>{{ range }}</span>
        <template v-if="previous || next">
          <button type="button" class="btn" :disabled="!previous || busy" @click="leaf('first')">{{ texts.first }}</button>
          <button type="button" class="btn" :disabled="!previous || busy" @click="leaf('previous')">{{ texts.previous }}</button>
          <button type="button" class="btn" :disabled="!next || busy" @click="leaf('next')">{{ texts.next }}</button>
        </template>
      </nav>
      <p class="sr" role="status">{{ said }}</p>
    </div>`,
};
