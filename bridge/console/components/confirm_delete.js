// The question before registrations are deleted. It names them, says what is lost, and afterwards what could not be deleted.
import Modal from "/static/dialog.js";
import { asking } from "/static/asking.js";
import { counted } from "/static/words.js";

const NAMED = 10;

export default {
  components: { Modal },
  mixins: [asking],
  props: { texts: Object },
  data: () => ({ ids: [], failed: [] }),
  computed: {
    named() { return this.ids.slice(0, NAMED); },
  },
  methods: {
    counted,
    open(ids) {
      Object.assign(this, { ids, failed: [], fault: "" });
    },
    close() {
      this.ids = [];
    },
    // What was refused, or not asked because the broker is away, leaves the question open: nothing has to be chosen again.
    done(outcome) {
      this.failed = outcome.failed;
      if (this.failed.length) return;
      this.close();
      this.focusHeading();
    },
  },
  template: `
    <div>
      <modal v-if="ids.length" :title="counted(texts, 'delete_question', ids.length)" :close="texts.close" @closed="close">
        <template v-if="failed.length">
          <p class="fault" role="alert">{{ counted(texts, "delete_failed", failed.length) }}</p>
          <ul class="some"><li v-for="one in failed" :key="one.id"><code><bdi>{{ one.id }}</bdi></code> {{ one.message }}</li></ul>
          <footer><button type="button" class="btn primary" autofocus @click="close">{{ texts.close }}</button></footer>
        </template>
        <template v-else>
          <ul class="some"><li v-for="id in named" :key="id"><code><bdi>{{ id }}</bdi></code></li></ul>
          <p v-if="ids.length - named.length">{{ counted(texts, "and_more", ids.length - named.length) }}</p>
          <p>{{ texts.delete_meaning }}</p>
          <p class="fault" role="alert">{{ fault }}</p>
          <footer>
            <button type="button" class="btn" autofocus @click="close">{{ texts.cancel }}</button>
            <button type="button" class="btn danger" :disabled="busy" @click="ask('delete', { ids })">{{ texts.delete }}</button>
          </footer>
        </template>
      </modal>
    </div>`,
};
