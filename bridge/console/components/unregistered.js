// Devices that called without a registration. Rows keep their places while they are looked at, though those that call
// last come first: a row must not move away under the finger. New ones are put on top.
import { counted, fill, when } from "/static/words.js";

const LOOK_EVERY = 3_000; // milliseconds: no event tells of strangers' calls

export default {
  props: { rows: Array, texts: Object, may: Boolean, state: String, words: String, more: Boolean, search: String },
  emits: ["look", "search", "more", "register"],
  data: () => ({ typed: "", chosen: [], order: [], now: Date.now() }),
  computed: {
    shown() {
      const byId = new Map(this.rows.map((row) => [row.id, row]));
      return this.order.filter((id) => byId.has(id)).map((id) => byId.get(id));
    },
    all: {
      get() {
        return this.shown.length > 0 && this.chosen.length === this.shown.length;
      },
      set(yes) {
        this.chosen = yes ? this.shown.map((row) => row.id) : [];
      },
    },
  },
  watch: {
    rows: { immediate: true, handler: "place" },
  },
  created() {
    this.looking = setInterval(() => {
      if (document.hidden) return;
      this.now = Date.now();
      this.$emit("look");
    }, LOOK_EVERY);
  },
  unmounted() {
    clearInterval(this.looking);
    clearTimeout(this.waiting);
  },
  methods: {
    fill,
    counted,
    place() {
      const here = new Set(this.rows.map((row) => row.id));
      const placed = new Set(this.order);
      this.order = [...this.rows.filter((row) => !placed.has(row.id)).map((row) => row.id), ...this.order.filter((id) => here.has(id))];
      this.chosen = this.chosen.filter((id) => here.has(id));
    },
    when,
    ago(time) {
      const seconds = Math.max(0, Math.round((this.now - new Date(time)) / 1000));
      if (seconds < 60) return this.texts.just_now;
      const [name, number] = seconds < 3600 ? ["minutes", seconds / 60] : seconds < 86_400 ? ["hours", seconds / 3600] : ["days", seconds / 86_400];
      return counted(this.texts, name, Math.floor(number));
    },
    find() {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => {
        this.order = [];
        this.$emit("search", this.typed.trim());
      }, 250);
    },
    register(ids) {
      this.$emit("register", ids);
      this.chosen = [];
    },
  },
  template: `
    <div>
      <div v-if="state === 'rows' || search || typed" class="callers-tools">
        <input class="field" type="search" v-model="typed" :aria-label="texts.search" :placeholder="texts.search" autocomplete="off" spellcheck="false" @input="find" />
        <button v-if="may" class="btn" type="button" :disabled="!chosen.length" @click="register(chosen)">{{ chosen.length ? counted(texts, 'register_chosen', chosen.length) : texts.register_chosen_none }}</button>
      </div>
      <p class="sr" role="status">{{ state === 'rows' ? counted(texts, 'number', shown.length) : words }}</p>
      <div v-if="state === 'loading'" class="empty">{{ words }}</div>
      <div v-else-if="state !== 'rows'" class="empty card"><h2>{{ texts[state + '_title'] }}</h2><p>{{ words }}</p></div>
      <table v-else class="grid unregistered">
        <caption class="sr">{{ texts.title }}</caption>
        <thead><tr>
          <th v-if="may" scope="col" class="tick"><input type="checkbox" v-model="all" :aria-label="texts.choose_all" /></th>
          <th scope="col">{{ texts.id }}</th><th scope="col" class="number">{{ texts.calls }}</th><th scope="col">{{ texts.last }}</th><th scope="col">{{ texts.first }}</th><th scope="col">{{ texts.token }}</th>
          <th v-if="may" scope="col"><span class="sr">{{ texts.actions }}</span></th></tr></thead>
        <tbody>
          <tr v-for="row in shown" :key="row.id" :data-id="row.id">
            <td v-if="may" class="tick" :data-label="texts.choose_short"><input type="checkbox" v-model="chosen" :value="row.id" :aria-label="fill(texts.choose, { id: row.id })" /></td>
            <td :data-label="texts.id"><code><bdi>{{ row.id }}</bdi></code></td>
            <td :data-label="texts.calls" class="number">{{ row.calls.toLocaleString('en') }}</td>
            <td :data-label="texts.last"><time :datetime="row.lastSeen" :title="when(row.lastSeen)">{{ ago(row.lastSeen) }}</time></td>
            <td :data-label="texts.first"><time :datetime="row.firstSeen">{{ when(row.firstSeen) }}</time></td>
            <td :data-label="texts.token">{{ row.tokenSent ? texts.sent : texts.not_sent }}</td>
            <td v-if="may" data-label="" class="last"><button class="btn small" type="button" :aria-label="fill(texts.register_one, { id: row.id })" @click="register([row.id])">{{ texts.register }}</button></td>
          </tr>
        </tbody>
      </table>
      <p v-if="more && state === 'rows'" class="callers-more"><button class="btn" type="button" @click="$emit('more')">{{ texts.more }}</button></p>
    </div>`,
};
