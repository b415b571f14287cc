// A window that asks before a registration is deleted and made again, and takes the token that the bridge cannot know.
import { fill } from "./words.js";

export default {
  props: { row: Object, texts: Object, typed: Object },
  emits: ["again", "close"],
  computed: {
    uid() {
      return `again-${this.$.uid}`;
    },
    reason() {
      return {
        TOO_MANY_ATTEMPTS: this.texts.reason_attempts,
        TOKEN_MISSING: this.texts.reason_missing,
      }[this.row.reason];
    },
  },
  mounted() {
    this.$refs.box.showModal();
  },
  beforeUnmount() {
    this.$refs.box.close();
  },
  methods: {
    fill,
    again() {
      const token = this.typed.newToken ?? "";
      this.$emit("again", { token, auto: Boolean(token.trim() && this.typed.auto) });
    },
  },
  template: `
    <dialog ref="box" class="window" :aria-labelledby="uid" @close="$emit('close')">
      <form @submit.prevent="again()">
        <h2 :id="uid">{{ fill(texts.again_title, { id: row.id }) }}</h2>
        <p v-if="reason">{{ reason }}</p>
        <p>{{ texts.again_intro }}</p>
        <p v-if="row.autoAccept" class="ask">{{ texts.again_token_needed }}</p>
        <label class="labelled">{{ texts.again_token }}
          <input class="field" type="text" v-model="typed.newToken" autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false" /></label>
        <p class="quiet">{{ texts.again_token_hint }}</p>
        <label class="ticked"><input type="checkbox" v-model="typed.auto" :disabled="!(typed.newToken ?? '').trim()" /> {{ texts.again_auto }}</label>
        <div class="window-actions">
          <button class="btn" type="button" @click="$refs.box.close()">{{ texts.cancel }}</button>
          <button class="btn primary" type="submit">{{ texts.again }}</button>
        </div>
      </form>
    </dialog>`,
};
