// A button with a menu in parts, for keyboard and screen reader alike: arrows, Home, End and Escape, as in any menu.
export default {
  props: { label: String, parts: Array },
  emits: ["choose"],
  data: () => ({ open: false }),
  mounted() {
    document.addEventListener("pointerdown", this.outside);
  },
  unmounted() {
    document.removeEventListener("pointerdown", this.outside);
  },
  methods: {
    entries() {
      return [...this.$el.querySelectorAll("[role=menuitem]")];
    },
    show(which) {
      this.open = true;
      this.$nextTick(() => this.entries().at(which)?.focus());
    },
    hide() {
      this.open = false;
      this.$refs.button.focus();
    },
    outside(event) {
      if (!this.$el.contains(event.target)) this.open = false;
    },
    left(event) {
      if (!this.$el.contains(event.relatedTarget)) this.open = false;
    },
    step(by) {
      const entries = this.entries();
      entries.at((entries.indexOf(document.activeElement) + by) % entries.length).focus();
    },
    choose(key) {
      this.hide();
      this.$emit("choose", key);
    },
  },
  template: `
    <div class="menu-button" @focusout="left">
      <button ref="button" class="btn primary" type="button" aria-haspopup="menu" :aria-expanded="open"
        @click="open ? hide() : show(0)" @keydown.down.prevent="show(0)" @keydown.up.prevent="show(-1)">
        {{ label }}<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.5" aria-hidden="true"><path d="M6 9l6 6 6-6" /></svg>
      </button>
      <div v-if="open" class="menu" role="menu" :aria-label="label" @keydown.down.prevent="step(1)" @keydown.up.prevent="step(-1)"
        @keydown.home.prevent="entries().at(0).focus()" @keydown.end.prevent="entries().at(-1).focus()" @keydown.esc.stop.prevent="hide">
        <div v-for="(part, i) in parts" :key="i" role="group" :aria-label="part.title">
          <div v-if="part.title" class="menu-part" aria-hidden="true">{{ part.title }}</div>
          <button v-for="entry in part.entries" :key="entry.key" class="menu-entry" type="button" role="menuitem" tabindex="-1" @click="choose(entry.key)">{{ entry.label }}</button>
        </div>
      </div>
    </div>`,
};
