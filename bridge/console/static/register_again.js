// A window that asks before a registration is deleted and made again, and takes the token that the bridge cannot know.
import Modal from "./dialog.js";
import { fill } from "./words.js";

export default {
  components: { Modal },
  props: { row: Object, texts: Object, typed: Object },
  emits: ["again", "close"],
  computed: {
    hint() {
      return `again-hint-${this.$.uid}`;
    },
    reason() {
      return {
        TOO_MANY_ATTEMPTS: this.texts.reason_attempts,
        TOKEN_MISSING: this.texts.reason_missing,
      }[this.row.reason];
    },
  },
  methods: {
    fill,
    again() {
      const token = this.typed.newToken ?? "";
      this.$emit("again", { token, auto: Boolean(token.trim() && this.typed.auto) });
    },
  },
  template: `
    <modal :title="fill(texts.again_title, { id: row.id })" :close="texts.close" @closed="$emit('close')">
      <form class="form" @submit.prevent="again()">
        <p v-if="reason">{{ reason }}</p>
        <p>{{ texts.again_intro }}</p>
        <p v-if="row.autoAccept" class="ask">{{ texts.again_token_needed }}</p>
        <label>{{ texts.again_token }}
          <input class="field" type="text" v-model="typed.newToken" :aria-describedby="hint" autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false" /></label>
        <small :id="hint">{{ texts.again_token_hint }}</small>
        <label class="option"><input type="checkbox" v-model="typed.auto" :disabled="!(typed.newToken ?? '').trim()" /> {{ texts.again_auto }}</label>
        <footer>
          <button class="btn" type="button" @click="$emit('close')">{{ texts.cancel }}</button>
          <button class="btn primary" type="submit">{{ texts.again }}</button>
        </footer>
      </form>
    </modal>`,
};
