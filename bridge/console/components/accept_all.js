// The button that accepts all pending devices at once: it warns first, and lists afterwards those that need a person.
import { asking } from "/static/asking.js";
import Modal from "/static/dialog.js";
import { counted } from "/static/words.js";

export default {
  components: { Modal },
  mixins: [asking],
  props: { texts: Object },
  data: () => ({ opened: false, pending: 0, looked: false, result: null }),
  computed: {
    title() {
      if (!this.result) return this.texts.all_title;
      return this.result.accepted ? counted(this.texts, "all_done", this.result.accepted) : this.texts.all_done_none;
    },
    wide() {
      return Boolean(this.result?.failed.length);
    },
    failedWords() {
      const { failed, truncated } = this.result;
      return counted(this.texts, truncated ? "all_failed_many" : "all_failed", failed.length);
    },
    said() {
      if (this.result) return this.title;
      if (this.busy) return this.looked ? this.texts.all_working : this.texts.all_looking;
      if (!this.looked) return "";
      return this.pending ? counted(this.texts, "all_count", this.pending) : this.texts.all_none;
    },
  },
  methods: {
    counted,
    open() {
      Object.assign(this, { opened: true, looked: false, result: null });
      this.ask("look");
    },
    accept() {
      if (this.pending) this.ask("accept");
    },
    done(outcome) {
      if (outcome.what === "look") {
        this.pending = outcome.pending;
        this.looked = true;
      } else {
        this.result = outcome;
      }
      this.$nextTick(() => this.$refs.next?.focus());
    },
  },
  template: `
    <div>
      <button class="btn" type="button" aria-haspopup="dialog" @click="open">{{ texts.all }}</button>
      <modal v-if="opened" :wide="wide" :title="title" :close="texts.close" @closed="opened = false">
        <p :class="{ sr: result }" role="status">{{ said }}</p>
        <p v-if="fault" class="fault" role="alert">{{ fault }}</p>
        <template v-if="result">
          <details v-if="result.failed.length" open class="left">
            <summary>{{ failedWords }}</summary>
            <p class="ask">{{ counted(texts, "all_failed_hint", result.failed.length) }}</p>
            <div class="scrolled" tabindex="0" role="region" :aria-label="failedWords">
              <table>
                <thead><tr><th scope="col">{{ texts.all_device }}</th><th scope="col">{{ texts.all_reason }}</th></tr></thead>
                <tbody><tr v-for="one in result.failed" :key="one.id"><td><code><bdi>{{ one.id }}</bdi></code></td><td>{{ one.reason }}</td></tr></tbody>
              </table>
            </div>
          </details>
          <footer><button ref="next" class="btn primary" type="button" @click="opened = false">{{ texts.close }}</button></footer>
        </template>
        <template v-else>
          <p class="ask">{{ texts.all_warning }}</p>
          <footer>
            <button ref="next" class="btn" type="button" @click="opened = false">{{ texts.cancel }}</button>
            <button v-if="pending" class="btn primary" type="button" :aria-disabled="busy" @click="accept">{{ texts.all }}</button>
          </footer>
        </template>
      </modal>
    </div>`,
};
