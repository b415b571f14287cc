// What is done with a registration in its row.
export default {
  props: { row: Object, policy: String, may: Object, texts: Object, draft: Object, notice: Object },
  emits: ["act"],
  methods: {
    accept() { this.$emit("act", "accept", { token: this.draft.token || "" }); },
  },
  template: `
    <form v-if="row.status === 'PENDING_ACCEPTANCE' && may.accept" class="accepting" @submit.prevent="accept">
      <input v-if="policy !== 'IGNORED'" class="field" type="text" v-model="draft.token" :aria-label="texts.token" :placeholder="texts.token" autocomplete="off" maxlength="256" />
      <button class="btn primary" type="submit">{{ texts.accept }}</button>
    </form>
    <p v-if="notice" :class="notice.kind" role="status">{{ notice.text }}</p>`,
};
