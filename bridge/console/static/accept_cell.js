// The cell of a registration in which it is accepted: the field of the security token, the button, what became of it, the
// choice between callers, and registering a blocked one again. It decides nothing; the bridge does.
//
// What a person types is kept in `draft`, an object of whoever shows the row, so that it outlives refreshes and the row
// itself. `notice` is {kind: "wait" | "good" | "bad", text, n, code?, claims?}; n grows with each.
import ClaimChoice from "./claim_choice.js";
import RegisterAgain from "./register_again.js";
import { counted, fill } from "./words.js";

const TOKEN_CODES = ["TOKEN_REQUIRED", "TOKEN_MISMATCH"];
const NEXT = ".accept-cell form input, .accept-cell form button";

export default {
  components: { ClaimChoice, RegisterAgain },
  props: { row: Object, policy: String, may: Object, texts: Object, draft: Object, notice: Object },
  emits: ["act"],
  data: () => ({ own: {}, sent: false, choosing: false, again: false }),
  computed: {
    typed() {
      return this.draft ?? this.own;
    },
    isPending() {
      return this.row.status === "PENDING_ACCEPTANCE" && this.may.accept;
    },
    isContested() {
      return this.row.claims.length > 1;
    },
    mayAgain() {
      return this.may.delete && this.may.register;
    },
    // The policy is of the person's own tenant, as far as it can be read; what the bridge asks for comes first.
    asksToken() {
      return this.policy !== "IGNORED" || TOKEN_CODES.includes(this.notice?.code);
    },
    isTokenBad() {
      return this.notice?.kind === "bad" && TOKEN_CODES.includes(this.notice.code);
    },
    busy() {
      return this.sent || this.notice?.kind === "wait";
    },
    noticeId() {
      return `accept-notice-${this.$.uid}`;
    },
  },
  watch: {
    "notice.n"() {
      this.sent = false;
      const { kind, code } = this.notice ?? {};
      if (kind !== "bad") return;
      if (code === "CLAIM_CONFLICT" && this.isPending) this.choosing = true;
      else if (this.isTokenBad && this.hasFocus()) this.$nextTick(() => this.$refs.token?.select());
    },
    "row.status"(status) {
      if (status === "PENDING_ACCEPTANCE") return;
      this.choosing = false;
      this.sent = false;
      if (status !== "BLOCKED") this.forget();
      this.goOn();
    },
  },
  mounted() {
    if (this.row.status === "WAITING_FOR_CONNECTION") this.forget();
  },
  beforeUnmount() {
    this.goOn();
  },
  methods: {
    fill,
    counted,
    hasFocus() {
      return this.$el.contains(document.activeElement);
    },
    act(what, data) {
      if (this.busy) return;
      this.sent = true;
      this.$emit("act", what, data);
    },
    accept(claim) {
      const data = { token: this.typed.token ?? "" };
      this.act("accept", claim ? { ...data, claim } : data);
    },
    registerAgain(data) {
      this.again = this.choosing = false;
      this.act("again", data);
    },
    // What was typed for one life of a registration is nothing for the next.
    forget() {
      for (const name of Object.keys(this.typed)) delete this.typed[name];
    },
    // Whoever works by keyboard goes on with the next device when this row's field and button go.
    goOn() {
      if (!this.hasFocus()) return;
      const all = [...document.querySelectorAll(NEXT)];
      const next = all.filter((one) => this.$el.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
      const others = [...next, ...all].filter((one) => !this.$el.contains(one));
      this.$nextTick(() => {
        const target = others.find((one) => one.isConnected) ?? document.getElementById("content");
        target?.focus();
      });
    },
  },
  template: `
    <div class="accept-cell">
      <form v-if="isPending" @submit.prevent="accept()">
        <input v-if="asksToken" ref="token" class="field" type="text" v-model="typed.token" maxlength="1024"
          :aria-label="fill(texts.token_of, { id: row.id })" :placeholder="texts.token"
          :aria-invalid="isTokenBad" :aria-describedby="noticeId"
          autocomplete="off" autocapitalize="none" autocorrect="off" spellcheck="false" />
        <button class="btn primary" type="submit" :aria-disabled="busy">{{ texts.accept }}</button>
        <button v-if="isContested" class="btn" type="button" @click="choosing = true">{{
          counted(texts, "compare", row.claims.length) }}</button>
      </form>
      <button v-else-if="row.status === 'BLOCKED' && mayAgain" class="btn" type="button" :aria-disabled="busy" @click="again = true">{{ texts.again }}</button>
      <p v-if="isPending && row.claimsOverflow" class="ask">{{ texts.overflow }}</p>
      <p :id="noticeId" class="notice" :class="notice?.kind" role="status"><span v-if="notice" :key="notice.n">{{ notice.text }}</span></p>
      <claim-choice v-if="choosing" :row="row" :texts="texts" :typed="typed" :notice="notice" :asks-token="asksToken"
        :busy="busy" :may-again="mayAgain" @choose="accept" @again="again = true" @close="choosing = false" />
      <register-again v-if="again" :row="row" :texts="texts" :typed="typed" @again="registerAgain" @close="again = false" />
    </div>`,
};
