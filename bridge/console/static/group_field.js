// A field for a group's path that suggests the groups there are; a new one may be typed.
let number = 0;
const MOST = 50;
export default {
  props: { modelValue: String, groups: Array, label: String, hint: String },
  emits: ["update:modelValue"],
  data: () => ({ name: `groups-${(number += 1)}` }),
  computed: {
    suggested() {
      const wanted = (this.modelValue || "").toLowerCase();
      return this.groups.map((one) => one.path).filter((path) => path.toLowerCase().includes(wanted)).slice(0, MOST);
    },
  },
  template: `
    <label>{{ label }}<input class="field" :value="modelValue" @input="$emit('update:modelValue', $event.target.value)" :list="name" :aria-describedby="name + '-hint'" maxlength="4096" autocomplete="off" autofocus /></label>
    <small :id="name + '-hint'">{{ hint }}</small>
    <datalist :id="name"><option v-for="path in suggested" :key="path" :value="path"></option></datalist>`,
};
