// The audit: who did what to which device and what came of it, found by filters that the address keeps.
import Entries from "/static/entries.js";
import { counted, fill, when } from "/static/words.js";

export default {
  components: { Entries },
  props: { entries: Array, loaded: Boolean, more: Boolean, fresh: Boolean, reached: String, look: Object, management: Boolean, texts: Object },
  emits: ["look", "further", "newest"],
  data() {
    return { wanted: { ...this.look, since: this.here(this.look.since) }, timer: null };
  },
  computed: {
    // The field has the person's own time, address and bridge have UTC.
    asked() {
      const since = this.wanted.since ? new Date(this.wanted.since) : null;
      return { ...this.wanted, since: since && !Number.isNaN(since.getTime()) ? since.toISOString() : "" };
    },
    isFiltered() {
      return Object.values(this.look).some(Boolean);
    },
  },
  methods: {
    counted,
    fill,
    when,
    here(time) {
      const at = time ? new Date(time) : null;
      if (!at || Number.isNaN(at.getTime())) return "";
      return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    },
    tell() {
      clearTimeout(this.timer);
      const query = new URLSearchParams(Object.entries(this.asked).filter(([, value]) => value)).toString();
      history.replaceState(history.state, "", "/audit" + (query ? "?" + query : ""));
      this.$emit("look", this.asked);
    },
    typed() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.tell(), 300);
    },
    clear() {
      this.wanted = { id: "", since: "", actor: "", outcome: "" };
      this.tell();
    },
  },
  template: `
    <div>
      <p class="quiet">{{ texts.intro }}</p>
      <form class="tools" role="search" @submit.prevent="tell">
        <label>{{ texts.device }}<input class="field" type="search" v-model.trim="wanted.id" @input="typed" maxlength="255" autocapitalize="none" spellcheck="false" /></label>
        <label>{{ texts.actor }}<input class="field" type="search" v-model.trim="wanted.actor" @input="typed" maxlength="130" autocapitalize="none" spellcheck="false" /></label>
        <label>{{ texts.since }}<input class="field" type="datetime-local" v-model="wanted.since" @change="tell" /></label>
        <label>{{ texts.outcome }}<select class="field" v-model="wanted.outcome" @change="tell"><option value="">{{ texts.any }}</option><option value="ok">{{ texts.done }}</option><option value="refused">{{ texts.refused }}</option></select></label>
        <button v-if="isFiltered" class="btn" type="button" @click="clear">{{ texts.clear }}</button>
      </form>
      <p v-if="fresh" role="status"><button class="btn" type="button" @click="$emit('newest')">{{ texts.newest }}</button></p>
      <div v-if="loaded && !entries.length && !more" class="card empty"><h2>{{ isFiltered ? texts.none_found : texts.none }}</h2><p>{{ isFiltered ? texts.none_found_hint : texts.none_hint }}</p></div>
      <entries v-if="entries.length" :entries="entries" :texts="texts" :caption="texts.title" :management="management" />
      <div v-if="more" class="pager"><span class="quiet" role="status">{{ entries.length ? counted(texts, "shown", entries.length, { time: when(reached) }) : fill(texts.looked, { time: when(reached) }) }}</span><button class="btn" type="button" @click="$emit('further')">{{ texts.older }}</button></div>
    </div>`,
};
