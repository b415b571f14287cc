// The options, each a form of its own: what it means, what it takes, what is in force. What is typed and not saved yet stays
// here over refreshes and broken connections.
import { asking } from "/static/asking.js";
import { fill } from "/static/words.js";

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

// Seconds as people say them, exactly: "1 day 2 hours".
export function spoken(seconds) {
  const parts = [];
  for (const [unit, length] of UNITS) {
    const number = Math.floor(seconds / length);
    seconds -= number * length;
    if (number) parts.push(new Intl.NumberFormat("en", { style: "unit", unit, unitDisplay: "long" }).format(number));
  }
  return parts.join(" ");
}

export default {
  mixins: [asking],
  props: { options: Array, texts: Object, tenant: String },
  data: () => ({ drafts: {}, asked: "", saved: "" }),
  computed: {
    categories() {
      return [...new Set(this.options.map((one) => one.category))];
    },
  },
  methods: {
    fill,
    id: (option, part) => `option-${option.category}-${option.key.replaceAll(".", "-")}-${part}`,
    name: (option) => `${option.category}/${option.key}`,
    of(category) {
      return this.options.filter((one) => one.category === category);
    },
    // What stands in the field: what was typed, else what is set.
    shown(option) {
      return this.drafts[this.name(option)] ?? (option.type === "topic filters" ? option.value.join("\n") : String(option.value));
    },
    type(option, value) {
      this.saved = "";
      this.drafts[this.name(option)] = value;
    },
    value(option) {
      const typed = this.shown(option);
      if (option.type === "integer") return /^\d{1,12}$/.test(typed.trim()) ? Number(typed) : typed;
      if (option.type !== "topic filters") return typed;
      return typed.split("\n").map((one) => one.trim()).filter(Boolean);
    },
    isChanged(option) {
      return JSON.stringify(this.value(option)) !== JSON.stringify(option.value);
    },
    isDefault(option) {
      return JSON.stringify(this.value(option)) === JSON.stringify(option.default);
    },
    // Only what can be seen at once; the bridge has the last word.
    wrong(option) {
      if (option.type !== "integer") return "";
      const [low, high] = option.range;
      const number = this.value(option);
      if (typeof number === "number" && low <= number && number <= high) return "";
      return fill(this.texts.wrong_number, { low: low.toLocaleString("en"), high: high.toLocaleString("en") });
    },
    said(option) {
      const number = this.value(option);
      if (option.unit !== "seconds" || typeof number !== "number" || this.wrong(option)) return "";
      return number === 0 ? option.zero : fill(this.texts.spoken, { time: spoken(number) });
    },
    plain(option, value) {
      if (option.type === "topic filters") return value.length ? value.join(", ") : this.texts.none;
      if (option.type !== "integer") return value;
      const time = option.unit === "seconds" && value ? ` (${spoken(value)})` : "";
      return `${value.toLocaleString("en")} ${option.unit}${time}`;
    },
    faultOf(option) {
      return this.asked === this.name(option) ? this.fault : "";
    },
    reset(option) {
      this.type(option, option.type === "topic filters" ? option.default.join("\n") : String(option.default));
    },
    save(option) {
      if (this.busy || this.wrong(option) || !this.isChanged(option)) return;
      this.asked = this.name(option);
      this.saved = "";
      this.ask("set", { category: option.category, key: option.key, value: this.value(option) });
    },
    done() {
      delete this.drafts[this.asked];
      this.saved = this.asked;
    },
  },
  template: `
    <div class="options">
      <div>
        <h1>{{ texts.title }}</h1>
        <p class="quiet">{{ fill(texts.intro, { tenant }) }}</p>
      </div>
      <p v-if="!options.length" role="status" class="quiet">{{ texts.loading }}</p>
      <section v-for="category in categories" :key="category" :aria-label="texts['category_' + category] ?? category">
        <h2>{{ texts["category_" + category] ?? category }}</h2>
        <form v-for="option in of(category)" :key="option.key" class="card setting" :data-option="name(option)" :aria-labelledby="id(option, 'title')" @submit.prevent="save(option)">
          <div class="about">
            <h3 :id="id(option, 'title')">{{ option.title }}</h3>
            <p v-if="option.about">{{ option.about }}</p>
            <p v-for="note in option.notes" :key="note" class="quiet">{{ note }}</p>
            <p class="quiet"><code>{{ name(option) }}</code></p>
          </div>
          <div class="setting-value">
            <p v-if="option.readonly" class="set">{{ plain(option, option.value) }}</p>
            <fieldset v-else-if="option.type === 'choice'" class="choice">
              <legend class="sr">{{ option.title }}</legend>
              <label v-for="one in option.words" :key="one.value" class="option">
                <input type="radio" :name="id(option, 'value')" :value="one.value" :checked="shown(option) === one.value" @change="type(option, one.value)" />
                <span><b>{{ one.value }}</b><small>{{ one.about }}</small></span></label>
            </fieldset>
            <label v-else-if="option.type === 'topic filters'" class="named">{{ texts.topics_label }}
              <textarea class="field mono" rows="4" :value="shown(option)" :aria-describedby="id(option, 'note')" autocapitalize="none" autocomplete="off" spellcheck="false" @input="type(option, $event.target.value)"></textarea></label>
            <label v-else class="named">{{ fill(texts.in_unit, { unit: option.unit }) }}
              <input class="field" type="text" inputmode="numeric" :value="shown(option)" :aria-invalid="Boolean(wrong(option) || faultOf(option))" :aria-describedby="id(option, 'note')" autocomplete="off" @input="type(option, $event.target.value)" /></label>
            <p :id="id(option, 'note')" class="quiet">
              <span v-if="wrong(option)" class="fault">{{ wrong(option) }}</span><span v-else-if="said(option)">{{ said(option) }}</span>
              {{ fill(texts.usual, { value: plain(option, option.default) }) }}</p>
            <p v-if="option.differs" class="ask">{{ fill(texts.in_force, { value: plain(option, option.effective) }) }}</p>
            <div v-if="!option.readonly" class="setting-actions">
              <button class="btn primary" type="submit" :aria-disabled="!isChanged(option) || Boolean(wrong(option)) || busy">{{ texts.save }}</button>
              <button v-if="!isDefault(option)" class="btn" type="button" @click="reset(option)">{{ texts.reset }}</button>
              <span v-if="isChanged(option)" class="quiet">{{ texts.unsaved }}</span>
              <span class="said" role="status"><template v-if="saved === name(option)">{{ texts.saved }}</template></span>
            </div>
            <p class="fault" role="alert">{{ faultOf(option) }}</p>
          </div>
        </form>
      </section>
    </div>`,
};
