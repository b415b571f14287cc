// A choice of few, as buttons beside each other; what is chosen stands in the address, so that it can be kept and sent.
export default {
  props: { label: String, choices: Array, chosen: String, name: String },
  data: () => ({ now: null }),
  methods: {
    choose(value) {
      this.now = value;
      const address = new URL(location.href);
      address.searchParams.set(this.name, value);
      history.replaceState(history.state, "", address);
      this.$emit("choose", value);
    },
  },
  template: `
    <div class="segments" role="group" :aria-label="label">
      <button v-for="one in choices" :key="one.value" type="button" class="btn" :aria-pressed="(now || chosen) === one.value" @click="choose(one.value)">{{ one.text }}</button>
    </div>`,
};
