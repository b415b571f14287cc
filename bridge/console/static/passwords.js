// Passwords of new logins: made for them or chosen, and shown this once. They are nowhere but in these two components.
export const PasswordChoice = {
  props: { texts: Object, modelValue: String },
  emits: ["update:modelValue"],
  data: () => ({ chosen: false, shown: false }),
  methods: {
    choose(chosen) {
      this.chosen = chosen;
      this.$emit("update:modelValue", "");
    },
  },
  template: `
    <fieldset class="choice">
      <legend>{{ texts.password }}</legend>
      <label class="option"><input type="radio" :checked="!chosen" @change="choose(false)" /><span>{{ texts.made }}<small>{{ texts.made_hint }}</small></span></label>
      <label class="option"><input type="radio" :checked="chosen" @change="choose(true)" /><span>{{ texts.chosen }}<small>{{ texts.chosen_hint }}</small></span></label>
      <div v-if="chosen" class="with-button">
        <input class="field" :type="shown ? 'text' : 'password'" :aria-label="texts.chosen_label" :value="modelValue" @input="$emit('update:modelValue', $event.target.value)" minlength="8" maxlength="128" required autocomplete="new-password" spellcheck="false" />
        <button type="button" class="btn" :aria-pressed="shown" @click="shown = !shown">{{ texts.show }}</button>
      </div>
    </fieldset>`,
};

export const Revealed = {
  props: { texts: Object, name: String, password: String },
  data: () => ({ said: "" }),
  mounted() {
    this.$refs.password.focus();
  },
  methods: {
    async copy() {
      try {
        await navigator.clipboard.writeText(this.password);
        this.said = this.texts.copied;
      } catch {
        // Without TLS or without leave there is no clipboard: what is selected can be copied by hand.
        this.$refs.password.select();
        this.said = document.execCommand("copy") ? this.texts.copied : this.texts.copy_by_hand;
      }
    },
  },
  template: `
    <div class="revealed">
      <p>{{ texts.once }}</p>
      <dl><dt>{{ texts.login_name }}</dt><dd><code>{{ name }}</code></dd></dl>
      <div class="with-button">
        <input ref="password" class="field mono" readonly :value="password" :aria-label="texts.password" @focus="$event.target.select()" />
        <button type="button" class="btn primary" @click="copy">{{ texts.copy }}</button>
      </div>
      <p role="status" class="quiet">{{ said }}</p>
    </div>`,
};
