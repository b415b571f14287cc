// A window with the callers that claim to be one device, side by side, to choose the right one.
import Modal from "./dialog.js";
import { counted, fill, when } from "./words.js";

export default {
  components: { Modal },
  props: {
    row: Object,
    texts: Object,
    typed: Object,
    notice: Object,
    asksToken: Boolean,
    busy: Boolean,
    mayAgain: Boolean,
  },
  emits: ["choose", "again", "close"],
  computed: {
    // After a conflict those that the bridge named; they may have changed meanwhile, so the row has the last word.
    claims() {
      const named = this.notice?.claims?.map((one) => one.fingerprint) ?? [];
      const fitting = this.row.claims.filter((one) => named.includes(one.fingerprint));
      return fitting.length ? fitting : this.row.claims;
    },
    others() {
      return this.row.claims.length - this.claims.length;
    },
    chosen() {
      return this.claims.find((one) => one.fingerprint === this.typed.claim);
    },
    uid() {
      return `claims-${this.$.uid}`;
    },
  },
  methods: {
    fill,
    counted,
    when,
    choose() {
      if (this.chosen) this.$emit("choose", this.chosen.fingerprint);
    },
  },
  template: `
    <modal wide :title="fill(texts.choice_title, { id: row.id })" :close="texts.close" @closed="$emit('close')">
      <form class="form" @submit.prevent="choose()">
        <p>{{ texts.choice_intro }}</p>
        <p v-if="row.claimsOverflow" class="ask">{{ texts.choice_overflow }}</p>
        <fieldset class="claims">
          <legend class="sr">{{ texts.choice_legend }}</legend>
          <label v-for="claim in claims" :key="claim.fingerprint" class="claim card">
            <span class="claim-head"><input type="radio" :name="uid" :value="claim.fingerprint" v-model="typed.claim" required />
              <b>{{ texts.choice_caller }} <code>{{ claim.fingerprint }}</code></b></span>
            <span><span class="quiet">{{ texts.choice_key }}</span>
              <code v-if="claim.keyFingerprint" class="key">{{ claim.keyFingerprint }}</code><span v-else>{{ texts.choice_no_key }}</span></span>
            <span><span class="quiet">{{ texts.choice_token }}</span> {{ claim.tokenSent ? texts.yes : texts.no }}</span>
            <span><span class="quiet">{{ texts.choice_call }}</span> {{ claim.call === "private" ? texts.call_private : texts.call_plain }}</span>
            <span><span class="quiet">{{ texts.choice_first }}</span> <time :datetime="claim.firstSeen">{{ when(claim.firstSeen) }}</time></span>
          </label>
        </fieldset>
        <p v-if="others" class="quiet">{{ counted(texts, "choice_others", others) }}</p>
        <label v-if="asksToken && chosen?.tokenSent">{{ texts.token }}
          <input class="field" type="text" v-model="typed.token" autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false" /></label>
        <p class="notice" :class="notice?.kind" role="status"><span v-if="notice" :key="notice.n">{{ notice.text }}</span></p>
        <footer>
          <button v-if="mayAgain" class="btn" type="button" @click="$emit('again')">{{ texts.again }}</button>
          <button class="btn" type="button" @click="$emit('close')">{{ texts.cancel }}</button>
          <button class="btn primary" type="submit" :aria-disabled="busy || !chosen">{{ texts.choice_accept }}</button>
        </footer>
      </form>
    </modal>`,
};
