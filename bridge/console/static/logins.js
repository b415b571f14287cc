// What the pages of administrators, applications and tenants share: a login is made with a password that is shown once, and deleted.
import { asking } from "/static/asking.js";
import Modal from "/static/dialog.js";
import { PasswordChoice, Revealed } from "/static/passwords.js";
import { fill } from "/static/words.js";

const LoginName = {
  props: { texts: Object, label: String, modelValue: String, first: Boolean },
  emits: ["update:modelValue"],
  template: `
    <label>{{ label }}<input aria-describedby="hint-login" class="field" :value="modelValue" @input="$emit('update:modelValue', $event.target.value.trim())" required maxlength="64" pattern="[A-Za-z0-9][A-Za-z0-9._\\-]*" :title="texts.name_rule" autocomplete="off" autocapitalize="none" spellcheck="false" :autofocus="first" /></label><small id="hint-login">{{ texts.name_rule }}</small>`,
};

// The end of the form: the password, what was said no to, and the two buttons.
const LoginEnd = {
  components: { PasswordChoice },
  props: { texts: Object, modelValue: String, fault: String, busy: Boolean },
  emits: ["update:modelValue", "cancel"],
  template: `
    <password-choice :texts="texts" :model-value="modelValue" @update:model-value="$emit('update:modelValue', $event)" />
    <p class="fault" role="alert">{{ fault }}</p>
    <footer><button class="btn" type="button" @click="$emit('cancel')">{{ texts.cancel }}</button><button class="btn primary" type="submit" :disabled="busy">{{ texts.create_now }}</button></footer>`,
};

const MadeWindow = {
  components: { Modal, Revealed },
  props: { texts: Object, made: Object },
  emits: ["closed"],
  methods: { fill },
  template: `
    <modal :title="fill(texts.is_made, made)" :close="texts.close" @closed="$emit('closed')">
      <revealed :texts="texts" :name="made.name" :password="made.password" />
      <footer><button class="btn" type="button" @click="$emit('closed')">{{ texts.noted }}</button></footer>
    </modal>`,
};

// What stands between the tags is said besides, of this one.
const DeleteWindow = {
  components: { Modal },
  props: { texts: Object, name: String, fault: String, busy: Boolean },
  emits: ["closed", "sure"],
  methods: { fill },
  template: `
    <modal :title="fill(texts.delete_of, { name })" :close="texts.close" @closed="$emit('closed')">
      <p>{{ texts.delete_means }}</p>
      <slot />
      <p class="fault" role="alert">{{ fault }}</p>
      <footer><button class="btn" type="button" autofocus @click="$emit('closed')">{{ texts.cancel }}</button><button class="btn danger" type="button" :disabled="busy" @click="$emit('sure')">{{ texts.delete }}</button></footer>
    </modal>`,
};

// A component with it has `empty()`, which gives the form as it is at the beginning.
export const logins = {
  components: { Modal, LoginName, LoginEnd, MadeWindow, DeleteWindow },
  mixins: [asking],
  props: { rows: Array, more: Boolean, texts: Object },
  emits: ["more"],
  data: () => ({ dialog: null, row: null, made: null, draft: null }),
  created() {
    this.draft = this.empty();
  },
  methods: {
    fill,
    remove(row) {
      this.row = row;
      this.begin("delete");
    },
    done(outcome) {
      if (outcome.what === "delete") {
        this.dialog = null;
        this.focusHeading();
        return;
      }
      this.made = outcome;
      this.dialog = outcome.password ? "made" : null;
      this.draft = this.empty();
    },
    closeMade() {
      this.made = null; // and with it the password
      this.dialog = null;
    },
  },
};
