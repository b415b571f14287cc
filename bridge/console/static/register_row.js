// One device in the dialog "Register devices": its fields, and what is wrong with them while they are typed.
import { groupFault, idFault, textFault, tokenFault } from "/static/device_names.js";
import { fill } from "/static/words.js";

export const LONG_TOKEN = 16; // bridge/names.py

// What is wrong with a row, by field; each fault is the name of a text with its values. "twin" is the other row's number.
export const faultsOf = (row, twin) => {
  const faults = {
    id: twin ? ["twice", { number: twin }] : idFault(row.id.trim()),
    name: textFault(row.name.trim()),
    type: textFault(row.type.trim()),
    group: row.tenant ? null : groupFault(row.group.trim()),
    token: row.open ? tokenFault(row.token) || (row.auto && !row.token.trim() ? ["token_missing", {}] : null) : null,
  };
  return Object.fromEntries(Object.entries(faults).filter(([, fault]) => fault));
};

export default {
  props: { row: Object, number: Number, twin: Number, texts: Object, tenants: Array, busy: Boolean, only: Boolean },
  emits: ["remove", "pasted", "typed"],
  computed: {
    faults() {
      const { row } = this;
      const faults = faultsOf(row, this.twin);
      // An empty id is told once somebody wanted to go on, not before a letter was typed.
      if (!row.id.trim() && !row.tried) delete faults.id;
      if (!row.tried) delete faults.token;
      return Object.fromEntries(Object.entries(faults).map(([field, [name, values]]) => [field, fill(this.texts[name], values)]));
    },
    guessable() {
      return this.row.auto && this.row.token.trim() && [...this.row.token.trim()].length < LONG_TOKEN;
    },
  },
  methods: {
    place(name) {
      return `register-${this.row.key}-${name}`;
    },
    fieldProps(name) {
      return {
        id: this.place(name),
        class: ["field", { wrong: this.faults[name] }],
        readonly: this.busy,
        "aria-invalid": this.faults[name] ? "true" : "false",
        "aria-describedby": this.place(`${name}-fault`),
      };
    },
    paste(event) {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (/[\r\n\t]/.test(text.trim())) {
        event.preventDefault();
        this.$emit("pasted", text);
      }
    },
    focus(name) {
      document.getElementById(this.place(name))?.focus();
    },
    firstFault() {
      return Object.keys(faultsOf(this.row, this.twin))[0];
    },
  },
  template: `
    <div class="device" role="group" :aria-label="texts.row.replace('{number}', number)">
      <div class="device-fields">
        <div class="f wide"><label :for="place('id')">{{ texts.id }}</label>
          <input type="text" v-bind="fieldProps('id')" v-model="row.id" required aria-required="true" autocomplete="off" autocapitalize="none" spellcheck="false" @paste="paste" @input="$emit('typed')" />
          <span class="fault" :id="place('id-fault')" aria-live="polite">{{ faults.id || row.fault }}</span></div>
        <div class="f"><label :for="place('name')">{{ texts.name }}</label>
          <input type="text" v-bind="fieldProps('name')" v-model="row.name" autocomplete="off" />
          <span class="fault" :id="place('name-fault')" aria-live="polite">{{ faults.name }}</span></div>
        <div class="f"><label :for="place('type')">{{ texts.type }}</label>
          <input type="text" v-bind="fieldProps('type')" v-model="row.type" autocomplete="off" autocapitalize="none" spellcheck="false" />
          <span class="fault" :id="place('type-fault')" aria-live="polite">{{ faults.type }}</span></div>
        <div v-if="tenants.length" class="f"><label :for="place('tenant')">{{ texts.tenant }}</label>
          <select :id="place('tenant')" class="field" v-model="row.tenant" :disabled="busy || !!row.group.trim()" aria-describedby="register-either">
            <option value="">{{ texts.own_tenant }}</option>
            <option v-for="tenant in tenants" :key="tenant.id" :value="tenant.id">{{ tenant.label }}</option>
          </select></div>
        <div class="f"><label :for="place('group')">{{ texts.group }}</label>
          <input type="text" list="register-groups" v-bind="fieldProps('group')" v-model="row.group" :disabled="!!row.tenant" :placeholder="texts.group_hint" autocomplete="off" />
          <span class="fault" :id="place('group-fault')" aria-live="polite">{{ faults.group }}</span></div>
        <div class="device-buttons">
          <button class="btn small" type="button" :aria-expanded="row.open" :aria-controls="place('more')" @click="row.open = !row.open">{{ texts.token_button }}</button>
          <button class="btn small icon" type="button" :disabled="only" :aria-label="texts.remove.replace('{number}', number)" :title="texts.remove.replace('{number}', number)" @click="$emit('remove')">
            <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true"><path d="M6 6l12 12M18 6L6 18" /></svg></button>
        </div>
      </div>
      <div v-show="row.open" class="device-more" :id="place('more')">
        <div class="f wide"><label :for="place('token')">{{ texts.token }}</label>
          <input type="text" v-bind="fieldProps('token')" v-model="row.token" autocomplete="off" autocapitalize="none" spellcheck="false" />
          <span class="fault" :id="place('token-fault')" aria-live="polite">{{ faults.token }}</span></div>
        <div class="device-auto">
          <label><input type="checkbox" v-model="row.auto" :disabled="busy" :aria-describedby="place('auto')" /> {{ texts.auto }}</label>
          <p class="quiet" :id="place('auto')">{{ guessable ? texts.guessable : texts.token_hint }}</p>
        </div>
      </div>
    </div>`,
};
