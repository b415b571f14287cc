// A window with the callers that claim to be one device, side by side, to choose the right one.
import { counted, fill, moment } from "./words.js";

export default {
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
  mounted() {
    this.$refs.box.showModal();
  },
  beforeUnmount() {
    this.$refs.box.close();
  },
  methods: {
    fill,
    counted,
    moment,
    choose() {
      if (this.chosen) this.$emit("choose", this.chosen.fingerprint);
    },
  },
  template: `
    <dialog ref="box" class="window wide" :aria-labelledby="uid" @close="$emit('close')">
      <form @submit.prevent="choose()">
        <h2 :id="uid">{{ fill(texts.choice_title, { id: row.id }) }}</h2>
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
            <span><span class="quiet">{{ texts.choice_first }}</span> <time :datetime="claim.firstSeen">{{ moment(claim.firstSeen) }}</time></span>
          </label>
        </fieldset>
        <p v-if="others" class="quiet">{{ counted(texts, "choice_others", others) }}</p>
        <label v-if="asksToken && chosen?.tokenSent" class="labelled">{{ texts.token }}
          <input class="field" type="text" v-model="typed.token" autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false" /></label>
        <p class="notice" :class="notice?.kind" role="status"><span v-if="notice" :key="notice.n">{{ notice.text }}</span></p>
        <div class="window-actions">
          <button v-if="mayAgain" class="btn" type="button" @click="$emit('again')">{{ texts.again }}</button>
          <button class="btn" type="button" @click="$refs.box.close()">{{ texts.cancel }}</button>
          <button class="btn primary" type="submit" :aria-disabled="busy || !chosen">{{ texts.choice_accept }}</button>
        </div>
      </form>
    </dialog>`,
};
