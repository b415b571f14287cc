// The question before registrations are deleted. It names them, says what is lost, and afterwards what could not be deleted.
import { counted } from "/static/registration_parts.js";

const NAMED = 10;

export default {
  props: { texts: Object },
  emits: ["delete"],
  data: () => ({ ids: [], busy: false, failed: [] }),
  computed: {
    named() { return this.ids.slice(0, NAMED); },
  },
  methods: {
    fill(name, values) { return counted(this.texts, name, values); },
    open(ids) {
      Object.assign(this, { ids, busy: false, failed: [] });
      this.$refs.dialog.showModal();
    },
    remove() {
      this.busy = true;
      this.$emit("delete", { ids: this.ids });
    },
    // A refusal or a broker that is away leaves the question open: what was meant need not be chosen again.
    ended(done, failed) {
      this.busy = false;
      this.failed = failed;
      if (done && !failed.length) this.$refs.dialog.close();
    },
  },
  template: `
    <dialog ref="dialog" class="asking" aria-labelledby="delete-question" closedby="any">
      <h2 id="delete-question">{{ fill("delete_question", { number: ids.length }) }}</h2>
      <template v-if="failed.length">
        <p class="fault" role="alert">{{ fill("delete_failed", { number: failed.length }) }}</p>
        <ul class="ids"><li v-for="one in failed" :key="one.id"><code><bdi>{{ one.id }}</bdi></code> {{ one.message }}</li></ul>
        <div class="answers"><button type="button" class="btn primary" autofocus @click="$refs.dialog.close()">{{ texts.close }}</button></div>
      </template>
      <form v-else @submit.prevent="remove">
        <ul class="ids"><li v-for="id in named" :key="id"><code><bdi>{{ id }}</bdi></code></li></ul>
        <p v-if="ids.length > named.length">{{ fill("and_more", { number: ids.length - named.length }) }}</p>
        <p>{{ texts.delete_meaning }}</p>
        <div class="answers">
          <button type="button" class="btn" autofocus @click="$refs.dialog.close()">{{ texts.cancel }}</button>
          <button type="submit" class="btn danger" :disabled="busy">{{ texts.delete }}</button>
        </div>
      </form>
    </dialog>`,
};
